"""Goes on with a study that lost its controller, or was ended by its user."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from automl.app.outcome import Outcome
from automl.app.recipe import make_launchable
from automl.app.stored_plan import load_plan
from automl.app.training import go_on, tell_outcome
from automl.errors import Fault, StudyError, UsageError
from automl.ports import Tracker
from automl.report.writer import ReportWriter
from automl.request import RunRequest
from automl.schema.documents import read_json_mapping
from automl.study.controllers import refuse_living_controller
from automl.study.state import Phase, StudyState, read_state
from automl.study.store import StudyFolder, check_name

__all__ = ["find_named", "resume"]

_LOG = logging.getLogger(__name__)
_OF_NO_WEIGHT = ("as_json", "quiet", "assume_yes")


def resume(folder: StudyFolder, watchers: Sequence[Tracker] = ()) -> Outcome:
    """Go on with a study; one that has ended is told as it is.

    Raises:
        UsageError: it is a plain action, or a living controller has it in hand.
        StudyError: its files are damaged, or it would not be the same study today.
        AutomlError: data, model or machine are not what they were.
        KeyboardInterrupt: the user ended it again.
    """
    if folder.job.is_file():
        raise UsageError(
            "is a plain action, which begins anew", where=str(folder.root), hint="start it with automl run"
        )
    if folder.events.exists():
        state = read_state(folder.events, folder.read_sheet().metric)
        if state.phase in {Phase.FINISHED, Phase.FAILED}:
            _LOG.info("study=%s has ended, there is nothing to go on with", folder.id)
            return _tell_ended(folder, state)
        refuse_living_controller(folder, state)
    plan = load_plan(folder)
    return go_on(plan, make_launchable(plan), folder, watchers)


def _tell_ended(folder: StudyFolder, state: StudyState) -> Outcome:
    """What became of it; its controller may have died between the last event and the report."""
    if folder.read_sheet().is_search and not folder.report.exists():
        ReportWriter(folder).study_ended({}, ())
    return tell_outcome(folder, state)


def find_named(request: RunRequest) -> StudyFolder | None:
    """The study that a request names, if it has begun already.

    Raises:
        UsageError: the name is none, or that study was asked for in other words.
    """
    assert request.study_id is not None
    check_name(request.study_id)
    folder = StudyFolder(request.results_dir.resolve() / request.study_id)
    if not folder.sheet.exists():
        return None
    recorded = read_json_mapping(folder.sheet, StudyError).get("request") or {}
    if faults := list(_differences(recorded, request)):
        raise UsageError(
            [*faults[:-1], replace(faults[-1], hint=f"{folder.command('resume')} goes on as it began")]
        )
    return folder


def _differences(recorded: dict[str, Any], request: RunRequest) -> Iterator[Fault]:
    for name, value in request.to_json().items():
        now = list(value) if isinstance(value, tuple) else value
        if name not in _OF_NO_WEIGHT and recorded.get(name) != now:
            yield Fault(f"was {recorded.get(name)!r} when {request.study_id} began and is {now!r} now", name)
