"""A plain action that is no training: one process, one run in the tracker."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from automl.app.outcome import Outcome, error_of
from automl.app.recipe import put_values
from automl.app.sheet import make_sheet, make_tracker
from automl.planning import Plan
from automl.ports import Launch, Tracker, TrialFailedError
from automl.study.job import read_job, write_job
from automl.study.state import DEFAULT_TRIAL
from automl.study.store import StudyFolder, new_folder
from automl.trials.folder import TrialFolder
from automl.trials.run_trial import TrainerRecipe
from automl.types import Report, TrialRecord, TrialState

__all__ = ["run_action"]

_LOG = logging.getLogger(__name__)


def run_action(plan: Plan, recipe: TrainerRecipe, watchers: Sequence[Tracker]) -> Outcome:
    """A plain action that is no training: one process, one run in the tracker."""
    folder = new_folder(plan.request.results_dir, plan.action.name)
    data = plan.request.data
    source = data if data is None or "://" in data else str(Path(data).expanduser().resolve())
    write_job(folder, action=plan.action.name, model=plan.skill.name, data=source)
    trial = TrialFolder(folder.root)
    trial.write_spec(put_values(plan.spec, {plan.keys.results_dir: str(trial.root)}))
    trackers, record = (*watchers, make_tracker(plan)), TrialRecord(DEFAULT_TRIAL, {})
    for tracker in trackers:
        tracker.study_started(make_sheet(plan, folder))
        tracker.trial_started(record)
    job = recipe(Launch(DEFAULT_TRIAL, trial.root))
    failure: TrialFailedError | None = None
    try:
        while (report := job.next_report()) is not None:
            for tracker in trackers:
                tracker.trial_reported(DEFAULT_TRIAL, report)
    except TrialFailedError as error:
        failure = error
    finally:
        job.stop()
    _close(trackers, replace(record, **_ended(failure)), job.last_kpi, folder)
    if failure is not None:
        raise error_of(failure.cause, failure.evidence, trial)
    return Outcome(read_job(folder))


def _ended(failure: TrialFailedError | None) -> dict[str, Any]:
    if failure is None:
        return {"state": TrialState.SUCCEEDED}
    return {"state": TrialState.FAILED, "cause": failure.cause, "evidence": failure.evidence}


def _close(
    trackers: Sequence[Tracker], record: TrialRecord, kpi: Mapping[str, float], folder: StudyFolder
) -> None:
    for tracker in trackers:
        if kpi:
            tracker.trial_reported(record.id, Report(0, 0, None, kpi))
        tracker.trial_ended(record, is_incumbent=False)
        tracker.study_ended({"state": "failed" if record.state is TrialState.FAILED else "finished"}, ())
    _LOG.debug("job=%s %s", folder.id, record.state)
