"""A study as one JSON document (contract section 12)."""

from __future__ import annotations

from copy import copy
from typing import Any

from automl.study.controllers import has_living_controller
from automl.study.outlook import seconds_to_go
from automl.study.pareto import summarize_front
from automl.study.state import DEFAULT_TRIAL, Phase, StudyState, read_state
from automl.study.store import StudyFolder
from automl.types import Budget, TrialId, TrialRecord, TrialState

__all__ = ["read_summary", "summarize"]


def summarize(folder: StudyFolder, state: StudyState) -> dict[str, Any]:
    """The document of ``run``, ``status`` and ``best`` with ``--json``."""
    best = _winner(state)
    default = state.records.get(DEFAULT_TRIAL)
    return {
        "study_id": folder.id,
        "state": state.phase.value,
        "metric": state.metric.name,
        "direction": state.metric.direction.value,
        "rank_by": state.metric.rank_by,
        "default": {"trial": default.id, "value": default.value} if default else None,
        "best": _best(folder, best) if best else None,
        "trials": [_trial(record) for record in state.records.values()],
        "epochs_total": state.epochs_total,
        "seconds": (state.changed_at or 0.0) - (state.started_at or 0.0),
        "trial_seconds": state.trial_seconds,
        "verdict": state.verdict,
        "pareto": summarize_front(state.records.values(), folder.read_sheet().objectives),
        "mlflow": folder.read_tracking(),
        "results_dir": str(folder.root),
    }


def read_summary(folder: StudyFolder, state: StudyState | None = None) -> dict[str, Any]:
    """The document of a study on disk, whatever process writes it.

    A study whose controller is gone without a word is shown as interrupted, its running trials as paused.

    Args:
        folder: the study's folder.
        state: what its events add up to, where that is known.

    Raises:
        StudyError: ``study.json`` or the events are missing or damaged.
    """
    sheet = folder.read_sheet()
    state = copy(state) if state is not None else read_state(folder.events, sheet.metric)
    is_orphan = state.phase is Phase.RUNNING and not has_living_controller(state)
    if is_orphan:
        state.phase = Phase.INTERRUPTED
    summary = {**summarize(folder, state), "forecast": _forecast(state, sheet.budget)}
    if is_orphan:
        for trial in summary["trials"]:
            if trial["state"] == TrialState.RUNNING:
                trial["state"] = TrialState.PAUSED.value
    return summary


def _winner(state: StudyState) -> TrialRecord | None:
    """The trial that the verdict names; before there is one, the best so far."""
    if state.verdict is not None:
        return state.records[TrialId(state.verdict["winner"]["trial"])]
    return state.incumbent


def _best(folder: StudyFolder, record: TrialRecord) -> dict[str, Any]:
    """The copy in ``best/`` once there is one, the trial's own files before."""
    kept = sorted(folder.best.glob("checkpoint.*"))
    trial = folder.trial(record.id)
    spec = folder.best / "spec.yaml"
    checkpoint = kept[0] if kept else trial.find_checkpoint(record.best_epoch)
    return {
        "trial": record.id,
        "value": record.value,
        "spec": str(spec if spec.exists() else trial.spec),
        "checkpoint": str(checkpoint) if checkpoint else None,
        "params": dict(record.params),
    }


def _trial(record: TrialRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "role": record.role.value,
        "seed": record.seed,
        "reason": record.reason,
        "source": record.source,
        "state": record.state.value,
        "cause": record.cause.value,
        "value": record.value,
        "epochs": record.epochs,
        "params": dict(record.params),
        "best_epoch": record.best_epoch,
        "seconds": record.seconds,
        "evidence": record.evidence,
        "changes": dict(record.changes),
    }


def _forecast(state: StudyState, budget: Budget) -> dict[str, float | None]:
    elapsed_s = (state.changed_at or 0.0) - (state.started_at or 0.0)
    is_running = state.phase is Phase.RUNNING
    return {"remaining_s": seconds_to_go(state, budget, elapsed_s=elapsed_s) if is_running else None}
