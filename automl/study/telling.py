"""The one way of an event into a strategy, whether it happens now, did long ago, or is retraced."""

from __future__ import annotations

from automl.ports import Decision, Strategy
from automl.study.events import (
    EpochReported,
    Event,
    StudyEnded,
    StudyStarted,
    TrialEnded,
    TrialPaused,
    TrialQueued,
    TrialSuggested,
)
from automl.study.state import StudyState
from automl.types import Cause, Role

__all__ = ["tell_strategy"]


def tell_strategy(strategy: Strategy, event: Event, state: StudyState) -> Decision:
    """Tell a strategy of an event that the state has taken in; what becomes of the trial after an epoch.

    The strategy hears of the search alone: the finals come after it and teach it nothing. What was measured
    before the first epoch is no epoch.
    """
    if isinstance(event, StudyStarted | StudyEnded):
        return Decision.CONTINUE
    record = state.records[event.trial]
    if record.role is not Role.SEARCH:
        return Decision.CONTINUE
    match event:
        case TrialSuggested():
            strategy.on_suggested(record)
        case EpochReported() if event.report.epoch > record.first_epoch:
            return strategy.on_report(record.id, event.report)
        case TrialPaused(cause=Cause.RUNG):
            strategy.on_paused(record)
        case TrialQueued():
            strategy.on_queued(record)
        case TrialEnded():
            strategy.on_ended(record)
    return Decision.CONTINUE
