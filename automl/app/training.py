"""A study, or a plain training: the same controller with everything or nothing to search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from automl.app.adviser import make_adviser
from automl.app.elsewhere import fetch_first, uploaders
from automl.app.final_check import make_final_check
from automl.app.outcome import Outcome, error_of
from automl.app.recipe import halve_batch, make_trial_spec, probe_first
from automl.app.sheet import make_sheet, make_tracker
from automl.app.stored_plan import store_plan
from automl.app.strategy import make_strategy
from automl.controller import Ports, StudyPlan, run_study
from automl.errors import EnvironmentUnusableError, ExitCode
from automl.planning import Plan
from automl.ports import Scheduler, Tracker
from automl.report.writer import ReportWriter
from automl.study.disk import raise_if_disk_failed
from automl.study.state import DEFAULT_TRIAL, StudyState
from automl.study.store import StudyFolder, new_folder
from automl.study.summary import read_summary
from automl.trials.run_trial import TrainerRecipe
from automl.types import TrialState

__all__ = ["go_on", "run_training", "tell_outcome"]

_TRAIN = "train"


def run_training(plan: Plan, recipe: TrainerRecipe, watchers: Sequence[Tracker]) -> Outcome:
    """A study, or a plain training: the same controller with one trial and nothing to search.

    Raises:
        EnvironmentUnusableError: the disk does not even hold what was asked.
    """
    kind = "study" if plan.is_study else _TRAIN
    folder = new_folder(plan.request.results_dir, kind, plan.request.study_id)
    try:
        store_plan(folder, make_sheet(plan, folder), plan)
    except OSError as error:
        raise_if_disk_failed(error, folder)
        raise
    return go_on(plan, recipe, folder, watchers)


def go_on(plan: Plan, recipe: TrainerRecipe, folder: StudyFolder, watchers: Sequence[Tracker]) -> Outcome:
    """Run a study to its end, from wherever its events say that it is.

    Raises:
        KeyboardInterrupt: the user ended it; its text says how to go on.
        EnvironmentUnusableError: what it needs is gone; its hint says how to go on.
    """
    sheet = folder.read_sheet()
    reporters = (ReportWriter(folder),) if sheet.is_search else ()
    ports = Ports(
        strategy=make_strategy(plan.search, make_adviser(plan, folder)),
        scheduler=_make_scheduler(plan),
        trackers=(*watchers, *reporters, make_tracker(plan), *uploaders(folder)),
        final_check=make_final_check(plan, folder),
    )
    study = StudyPlan(
        sheet,
        plan.resources,
        partial(make_trial_spec, plan),
        make_job=fetch_first(probe_first(plan, recipe), plan.request.data),
        relieve=partial(halve_batch, plan),
        silence_s=plan.request.stall_timeout_s,
    )
    try:
        state = run_study(study, ports)
    except KeyboardInterrupt as wish:
        raise KeyboardInterrupt(folder.command("resume")) from wish
    except EnvironmentUnusableError as error:
        raise _with_way_on(error, folder.command("resume")) from error
    default = state.records.get(DEFAULT_TRIAL)
    if not plan.is_study and default is not None and default.state is TrialState.FAILED:
        raise error_of(default.cause, default.evidence, folder.trial(DEFAULT_TRIAL))
    return tell_outcome(folder, state)


def _with_way_on(error: EnvironmentUnusableError, resume: str) -> EnvironmentUnusableError:
    """The error that ended a study, with the command that goes on where the study was."""
    *others, last = error.faults
    if resume in last.hint:
        return error
    way_on = f"once that is mended, go on with: {resume}"
    hint = f"{last.hint}; {way_on}" if last.hint else way_on
    return EnvironmentUnusableError([*others, replace(last, hint=hint)])


def tell_outcome(folder: StudyFolder, state: StudyState) -> Outcome:
    """What there is to tell of a study that has ended."""
    is_done = state.incumbent is not None or not folder.read_sheet().is_search
    return Outcome(read_summary(folder), ExitCode.DONE if is_done else ExitCode.NO_SUCCESS)


def _make_scheduler(plan: Plan) -> Scheduler:
    if plan.is_study:
        from automl.adapters.ray_tune import RayScheduler  # noqa: PLC0415 - a plain action needs no Ray

        return RayScheduler(plan.resources)
    from automl.adapters.sequential import SequentialScheduler  # noqa: PLC0415

    return SequentialScheduler()
