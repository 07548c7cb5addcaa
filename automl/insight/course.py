"""A study over time: who led when, who came how far at the rungs, and what it all cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from automl.study.events import Event, TrialEnded, TrialPaused, TrialQueued
from automl.study.state import StudyState
from automl.types import Cause, Metric, TrialId, TrialState

__all__ = ["draw_course"]


def draw_course(
    metric: Metric, events: Iterable[tuple[float, Event]], *, gpus_per_trial: float
) -> dict[str, Any]:
    """History with the incumbent, rung diagram and cost, in one pass over the events.

    Args:
        metric: what ranks.
        events: of the study, in order, with their times.
        gpus_per_trial: GPUs that a trial holds, over all its nodes.
    """
    state, history, rungs = StudyState(metric), _History(), _Rungs()
    for at, event in events:
        state.apply(event, at)
        history.take_in(event, state)
        rungs.take_in(event, state)
    return {
        "history": history.to_json(),
        "rungs": rungs.to_json(state),
        "cost": _cost(state, gpus_per_trial),
    }


class _History:
    """Every trial's end, and every change of the incumbent, against epochs and seconds."""

    def __init__(self) -> None:
        self._trials: list[dict[str, Any]] = []
        self._incumbents: list[dict[str, Any]] = []

    def take_in(self, event: Event, state: StudyState) -> None:
        best = state.incumbent
        moment = {
            "epochs_total": state.epochs_total,
            "seconds": (state.changed_at or 0.0) - (state.started_at or 0.0),
        }
        if isinstance(event, TrialEnded):
            record = state.records[event.trial]
            known = {"trial": record.id, "role": record.role.value, "state": record.state.value}
            self._trials.append({**moment, **known, "value": record.value, "best": best and best.value})
        leading = {"trial": best and best.id, "value": best and best.value}
        last = {name: self._incumbents[-1][name] for name in leading} if self._incumbents else None
        if leading != last and (best is not None or last is not None):
            self._incumbents.append({**moment, **leading})

    def to_json(self) -> dict[str, Any]:
        return {"trials": self._trials, "incumbents": self._incumbents}


class _Rungs:
    """Where each trial paused, where it went on, and how good it was there."""

    def __init__(self) -> None:
        self._pauses: dict[TrialId, list[dict[str, Any]]] = defaultdict(list)

    def take_in(self, event: Event, state: StudyState) -> None:
        match event:
            case TrialPaused(cause=Cause.RUNG):
                record = state.records[event.trial]
                pause = {"epoch": record.epochs, "value": record.value, "promoted": False}
                self._pauses[event.trial].append(pause)
            case TrialQueued(failure=Cause.NONE) if self._pauses[event.trial]:
                self._pauses[event.trial][-1]["promoted"] = True

    def to_json(self, state: StudyState) -> dict[str, Any]:
        pauses = [pause for trial in self._pauses.values() for pause in trial]
        return {
            "epochs": sorted({pause["epoch"] for pause in pauses}),
            "trials": [
                {
                    "trial": record.id,
                    "role": record.role.value,
                    "from": record.first_epoch,
                    "to": record.epochs,
                    "pauses": self._pauses[record.id],
                    "state": record.state.value,
                }
                for record in state.records.values()
            ],
        }


def _cost(state: StudyState, gpus_per_trial: float) -> dict[str, Any]:
    """Epochs and seconds by how trials ended, and what they are worth in GPU-hours."""
    by_state: dict[str, dict[str, float]] = {}
    for trial_state in TrialState:
        records = [record for record in state.records.values() if record.state is trial_state]
        if records:
            by_state[trial_state.value] = {
                "trials": len(records),
                "epochs": sum(record.epochs - record.first_epoch for record in records),
                "seconds": sum(record.seconds for record in records),
            }
    return {
        "epochs_total": state.epochs_total,
        "trial_seconds": state.trial_seconds,
        "gpu_hours": gpus_per_trial * state.trial_seconds / 3600,
        "by_state": by_state,
    }
