"""``automl run``: a plan, and the way it is run."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from automl.app.action import run_action
from automl.app.outcome import Outcome
from automl.app.recipe import make_launchable
from automl.app.resume import find_named, resume
from automl.app.training import run_training
from automl.planning import make_plan
from automl.ports import Tracker
from automl.request import RunRequest

__all__ = ["run"]

_LOG = logging.getLogger(__name__)
_TRAIN = "train"


def run(request: RunRequest, watchers: Sequence[Tracker] = ()) -> Outcome:
    """Do what ``automl run`` asks.

    Args:
        request: all flags.
        watchers: trackers beside MLflow, such as lines on the terminal.

    Raises:
        AutomlError: request, data or machine are not usable, and nothing was started; or a plain run failed.
        KeyboardInterrupt: the user ended it; all trials were stopped and recorded.
    """
    if request.study_id and (folder := find_named(request)) is not None:
        return resume(folder, watchers)
    plan = make_plan(request)
    for warning in plan.warnings:
        _LOG.warning("%s", warning)
    recipe = make_launchable(plan)
    if plan.action.name == _TRAIN:
        return run_training(plan, recipe, watchers)
    return run_action(plan, recipe, watchers)
