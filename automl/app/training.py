"""A study, or a plain training: the same controller with everything or nothing to search."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from automl.app.final_check import make_final_check
from automl.app.outcome import Outcome, error_of
from automl.app.recipe import make_trial_spec
from automl.app.sheet import make_sheet, make_tracker
from automl.app.stored_plan import store_plan
from automl.app.strategy import make_strategy
from automl.controller import Ports, StudyPlan, run_study
from automl.errors import ExitCode
from automl.planning import Plan
from automl.ports import Scheduler, Tracker
from automl.study.state import DEFAULT_TRIAL
from automl.study.store import new_folder
from automl.study.summary import read_summary
from automl.trials.run_trial import TrainerRecipe
from automl.types import TrialState

__all__ = ["run_training"]

_TRAIN = "train"


def run_training(plan: Plan, recipe: TrainerRecipe, watchers: Sequence[Tracker]) -> Outcome:
    """A study, or a plain training: the same controller with one trial and nothing to search."""
    folder = new_folder(plan.request.results_dir, "study" if plan.is_study else _TRAIN)
    sheet = make_sheet(plan, folder)
    store_plan(folder, sheet, plan)
    ports = Ports(
        strategy=make_strategy(plan.search),
        scheduler=_make_scheduler(plan),
        trackers=(*watchers, make_tracker(plan)),
        final_check=make_final_check(plan, folder),
    )
    state = run_study(StudyPlan(sheet, plan.resources, partial(make_trial_spec, plan), recipe), ports)
    default = state.records.get(DEFAULT_TRIAL)
    if not plan.is_study and default is not None and default.state is TrialState.FAILED:
        raise error_of(default.cause, default.evidence, folder.trial(DEFAULT_TRIAL))
    is_done = state.incumbent is not None or not plan.is_study
    return Outcome(read_summary(folder), ExitCode.DONE if is_done else ExitCode.NO_SUCCESS)


def _make_scheduler(plan: Plan) -> Scheduler:
    if plan.is_study:
        from automl.adapters.ray_tune import RayScheduler  # noqa: PLC0415 - a plain action needs no Ray

        return RayScheduler(plan.resources)
    from automl.adapters.sequential import SequentialScheduler  # noqa: PLC0415

    return SequentialScheduler()
