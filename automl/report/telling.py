"""Events in words, one line each, for whoever watches a study."""

from __future__ import annotations

from automl.report.wording import CAUSES, ENDINGS, duration
from automl.study.events import (
    EpochReported,
    Event,
    StudyEnded,
    TrialEnded,
    TrialPaused,
    TrialQueued,
    TrialStarted,
)
from automl.study.figures import figure
from automl.study.state import DEFAULT_TRIAL, StudyState
from automl.types import Cause, Role, TrialId, TrialState

__all__ = ["tell_event"]


def tell_event(event: Event, state: StudyState) -> str | None:
    """What happened, None for what a reader need not know.

    Args:
        event: the newest event.
        state: with the event taken in.
    """
    if isinstance(event, StudyEnded):
        return f"the study is {event.phase}"
    told = _tell_of_trial(event, state)
    return f"trial {told[0]} {told[1]}" if told else None


def _tell_of_trial(event: Event, state: StudyState) -> tuple[TrialId, str] | None:
    match event:
        case TrialStarted():
            return event.trial, _beginning(event, state)
        case EpochReported():
            return event.trial, _epoch(event, state)
        case TrialPaused():
            is_rung = event.cause is Cause.RUNG
            return event.trial, f"paused: {CAUSES[event.cause]}" if is_rung else "paused"
        case TrialQueued():
            return event.trial, f"goes on: {event.reason}"
        case TrialEnded():
            return event.trial, _ending(event, state)
    return None


def _epoch(event: EpochReported, state: StudyState) -> str:
    name, value = state.metric.name, event.report.value
    measured = f"no {name}" if value is None else f"{name} {figure(value)}"
    best = state.incumbent
    leads = best is not None and best.id == event.trial and best.best_epoch == event.report.epoch
    return f"epoch {event.report.epoch}: {measured}{', the best so far' if leads else ''}"


def _beginning(event: TrialStarted, state: StudyState) -> str:
    record = state.records[event.trial]
    if record.epochs > record.first_epoch:
        return f"goes on after epoch {record.epochs}"
    if record.role is Role.CONFIRM:
        return f"started: {record.reason}"
    return "started with the default spec" if event.trial == DEFAULT_TRIAL else "started"


def _ending(event: TrialEnded, state: StudyState) -> str:
    record = state.records[event.trial]
    text = ENDINGS[event.state]
    if event.state in (TrialState.FAILED, TrialState.CANCELLED) and event.cause in CAUSES:
        text += f": {CAUSES[event.cause]}"
    if record.value is not None:
        text += f", {state.metric.name} {figure(record.value)} at epoch {record.best_epoch}"
    return f"{text}, {duration(record.seconds)}"
