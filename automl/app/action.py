"""A plain action that is no training: one process, one run in the tracker."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from automl.app.elsewhere import uploaders
from automl.app.outcome import Outcome, error_of
from automl.app.recipe import put_values
from automl.app.sheet import make_sheet, make_tracker
from automl.places import is_uri
from automl.planning import Plan
from automl.ports import Launch, Tracker, TrialFailedError
from automl.study.events import (
    EpochReported,
    EventLog,
    StudyEnded,
    StudyStarted,
    TrialEnded,
    TrialStarted,
    TrialSuggested,
)
from automl.study.job import read_job, write_job
from automl.study.state import DEFAULT_TRIAL, Phase
from automl.study.store import new_folder, process_start
from automl.trials.folder import TrialFolder
from automl.trials.run_trial import TrainerJob, TrainerRecipe
from automl.types import Cause, Report, StudySheet, TrialRecord, TrialState

__all__ = ["run_action"]

_PHASES = {
    TrialState.SUCCEEDED: Phase.FINISHED,
    TrialState.FAILED: Phase.FAILED,
    TrialState.CANCELLED: Phase.INTERRUPTED,
}


def run_action(plan: Plan, recipe: TrainerRecipe, watchers: Sequence[Tracker]) -> Outcome:
    """A plain action that is no training: one process, one run in the tracker.

    Raises:
        AutomlError: it failed; its exit code is the cause's.
        KeyboardInterrupt: the user ended it; its process was stopped before.
    """
    folder = new_folder(plan.request.results_dir, plan.action.name, plan.request.study_id)
    sheet = make_sheet(plan, folder)
    write_job(folder, sheet, action=plan.action.name, data=_source(plan.request.data))
    trial = TrialFolder(folder.root)
    trial.write_spec(put_values(plan.spec, {plan.keys.results_dir: str(trial.root)}))
    with EventLog(folder.events) as log:
        course = _Course(sheet, log, (*watchers, make_tracker(plan), *uploaders(folder)))
        course.begin()
        failure = course.follow(recipe(Launch(DEFAULT_TRIAL, trial.root)))
    if failure is not None:
        raise error_of(failure.cause, failure.evidence, trial)
    return Outcome(read_job(folder))


def _source(data: str | None) -> str | None:
    return data if data is None or is_uri(data) else str(Path(data).expanduser().resolve())


class _Course:
    """What happens in an action, from beginning to end: recorded, and told to its trackers."""

    def __init__(self, sheet: StudySheet, log: EventLog, trackers: Sequence[Tracker]) -> None:
        self._sheet = sheet
        self._log = log
        self._trackers = trackers
        self._record = TrialRecord(DEFAULT_TRIAL, {})

    def begin(self) -> None:
        pid = os.getpid()
        self._log.append(StudyStarted(pid, process_start(pid) or 0, socket.gethostname()))
        self._log.append(TrialSuggested(DEFAULT_TRIAL, {}))
        self._log.append(TrialStarted(DEFAULT_TRIAL))
        for tracker in self._trackers:
            tracker.study_started(self._sheet)
            tracker.trial_started(self._record)

    def follow(self, job: TrainerJob) -> TrialFailedError | None:
        try:
            while (report := job.next_report()) is not None:
                self._take_in(report)
        except TrialFailedError as error:
            self._end(job, TrialState.FAILED, error.cause, error.evidence)
            return error
        except BaseException:
            self._end(job, TrialState.CANCELLED, Cause.USER)
            raise
        self._end(job, TrialState.SUCCEEDED)
        return None

    def _take_in(self, report: Report) -> None:
        self._log.append(EpochReported(DEFAULT_TRIAL, report))
        for tracker in self._trackers:
            tracker.trial_reported(DEFAULT_TRIAL, report)

    def _end(self, job: TrainerJob, state: TrialState, cause: Cause = Cause.NONE, evidence: str = "") -> None:
        job.stop()
        if job.last_kpi:
            self._take_in(Report(0, 0, None, job.last_kpi))
        phase = _PHASES[state]
        self._log.append(TrialEnded(DEFAULT_TRIAL, state, cause, evidence))
        self._log.append(StudyEnded(phase.value))
        record = replace(self._record, state=state, cause=cause, evidence=evidence)
        for tracker in self._trackers:
            tracker.trial_ended(record, is_incumbent=False)
            tracker.study_ended({"state": phase.value}, ())
