"""Makes the views of a study anew from its events: best/, the report, the runs in the tracker."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from automl.errors import StudyError
from automl.report.page import write_report
from automl.study.events import EventLog
from automl.study.keeping import write_best, write_best_metrics
from automl.study.state import DEFAULT_TRIAL, Phase, StudyState, read_state
from automl.study.store import StudyFolder
from automl.study.verdict import find_winner
from automl.tracking import TrackingStore, check_store, choose_store
from automl.types import TrialId, TrialRecord, TrialState

__all__ = ["Sync", "rebuild", "sync"]


@dataclass(frozen=True)
class Sync:
    """What was sent to the tracker.

    Attributes:
        events: so many events had not been sent before.
    """

    study_id: str
    tracking_uri: str
    events: int

    def to_json(self) -> dict[str, Any]:
        """The document of ``automl sync --json``."""
        return asdict(self)


def sync(folder: StudyFolder, *, tracking_uri: str | None = None) -> Sync:
    """Send to the tracker what it missed; nothing arrives twice.

    Args:
        folder: of the study or action.
        tracking_uri: another store than the study's own.

    Raises:
        UsageError: a controller has the study in hand, and sends by itself; or the store is none.
        StudyError: the study has no events, or they are damaged.
        EnvironmentUnusableError: the store does not answer.
    """
    with _in_hand(folder):
        return _send(folder, tracking_uri, is_anew=False)


def rebuild(folder: StudyFolder, *, tracking_uri: str | None = None) -> Sync:
    """Make ``best/``, the report and the runs in the tracker again, all from the events.

    Args:
        folder: of the study or action.
        tracking_uri: another store than the study's own.

    Raises:
        UsageError: a controller has the study in hand; or the store is none.
        StudyError: the study has no events, or they are damaged.
        EnvironmentUnusableError: the store does not answer; the files are made all the same.
    """
    with _in_hand(folder):
        sheet = folder.read_sheet()
        state = read_state(folder.events, sheet.metric)
        winner = _find_winner(state)
        if winner is not None and not folder.job.is_file():
            write_best(folder, sheet.metric, winner)
            test = state.verdict["winner"]["test"] if state.verdict else None
            write_best_metrics(folder, sheet.metric, winner, test)
        if sheet.is_search:
            write_report(folder)
        return _send(folder, tracking_uri, is_anew=True)


def _in_hand(folder: StudyFolder) -> EventLog:
    """The study's events, locked and checked."""
    if not folder.events.exists():
        raise StudyError("has no events", where=str(folder.root), hint="it never began: start it anew")
    return EventLog(folder.events)


def _find_winner(state: StudyState) -> TrialRecord | None:
    if state.phase is not Phase.FINISHED:
        return None
    if state.verdict is not None:
        return state.records[TrialId(state.verdict["winner"]["trial"])]
    default = state.records.get(DEFAULT_TRIAL)
    is_trained = default is not None and default.state is TrialState.SUCCEEDED
    return find_winner(state) or (default if is_trained else None)


def _send(folder: StudyFolder, tracking_uri: str | None, *, is_anew: bool) -> Sync:
    from automl.adapters.mlflow_sink import send_study  # noqa: PLC0415 - slow to import

    sheet = folder.read_sheet()
    store = _find_store(folder, sheet.model, tracking_uri)
    check_store(store.uri)
    return Sync(folder.id, store.uri, send_study(sheet, store, is_anew=is_anew))


def _find_store(folder: StudyFolder, model: str, tracking_uri: str | None) -> TrackingStore:
    known = folder.read_tracking_store()
    if tracking_uri is None and known is not None:
        return known
    return choose_store(tracking_uri, known.experiment if known else model, folder.root.parent)
