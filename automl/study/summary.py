"""A study as one JSON document (contract section 12) and as the statement that people read first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from automl.study.state import DEFAULT_TRIAL, Phase, StudyState, read_state
from automl.study.store import StudyFolder, process_start
from automl.types import Metric, TrialId, TrialRecord

__all__ = ["make_verdict", "read_summary", "summarize"]


def summarize(folder: StudyFolder, state: StudyState) -> dict[str, Any]:
    """The document of ``run``, ``status`` and ``best`` with ``--json``."""
    best = state.incumbent
    default = state.records.get(DEFAULT_TRIAL)
    return {
        "study_id": folder.id,
        "state": state.phase.value,
        "metric": state.metric.name,
        "direction": state.metric.direction.value,
        "default": {"trial": default.id, "value": default.value} if default else None,
        "best": _best(folder, best) if best else None,
        "trials": [_trial(record) for record in state.records.values()],
        "epochs_total": state.epochs_total,
        "seconds": (state.changed_at or 0.0) - (state.started_at or 0.0),
        "trial_seconds": state.trial_seconds,
        "verdict": state.verdict,
        "mlflow": folder.read_tracking(),
        "results_dir": str(folder.root),
    }


def read_summary(folder: StudyFolder) -> dict[str, Any]:
    """The document of a study on disk, whatever process writes it.

    A study whose controller is gone without a word is shown as interrupted.

    Raises:
        StudyError: ``study.json`` or the events are missing or damaged.
    """
    sheet = folder.read_sheet()
    state = read_state(folder.events, sheet.metric) if folder.events.exists() else StudyState(sheet.metric)
    if state.phase is Phase.RUNNING and process_start(state.pid) != state.process_start:
        state.phase = Phase.INTERRUPTED
    return {**summarize(folder, state), "forecast": _forecast(state, sheet.budget.trials)}


def make_verdict(
    metric: Metric, default: TrialRecord | None, winner: TrialRecord, test: Mapping[TrialId, float]
) -> dict[str, Any]:
    """What the study found, stated against the default spec.

    Args:
        metric: what ranking used.
        default: trial 0, None when it never ran.
        winner: the best trial.
        test: the metric on the test part, of the trials that were measured there.
    """
    val = {"default": default.value if default else None, "winner": winner.value}
    on_test = {"default": test.get(DEFAULT_TRIAL), "winner": test.get(winner.id)}
    gain_val = _gain(metric, val)
    gain_test = _gain(metric, on_test)
    return {
        "default": {"val": val["default"], "test": on_test["default"]},
        "winner": {"trial": winner.id, "val": val["winner"], "test": on_test["winner"]},
        "gain_val": gain_val,
        "gain_test": gain_test,
        "statement": _statement(metric, winner, gain_val, gain_test),
    }


def _gain(metric: Metric, values: Mapping[str, float | None]) -> float | None:
    default, winner = values["default"], values["winner"]
    return None if default is None or winner is None else metric.direction.sign * (winner - default)


def _statement(metric: Metric, winner: TrialRecord, gain_val: float | None, gain_test: float | None) -> str:
    if winner.id == DEFAULT_TRIAL:
        return f"No trial was better than the default spec ({metric.name} {winner.value:.2f})."
    if gain_val is None:
        return f"Trial {winner.id} is best; the default spec has no {metric.name} to compare with."
    if gain_test is None:
        return (
            f"Trial {winner.id} gains {gain_val:+.2f} {metric.name} over the default spec on the validation "
            f"frames that also chose it; no test part confirms the figure."
        )
    if gain_test <= 0:
        return (
            f"Trial {winner.id} gains {gain_val:+.2f} {metric.name} over the default spec on the validation "
            f"frames, but {gain_test:+.2f} on the test part: no real improvement was found."
        )
    return (
        f"Trial {winner.id} gains {gain_test:+.2f} {metric.name} over the default spec on the test part "
        f"({gain_val:+.2f} on the validation frames)."
    )


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
        "state": record.state.value,
        "cause": record.cause.value,
        "value": record.value,
        "epochs": record.epochs,
        "params": dict(record.params),
        "best_epoch": record.best_epoch,
        "seconds": record.seconds,
        "evidence": record.evidence,
    }


def _forecast(state: StudyState, trials: int) -> dict[str, float | None]:
    """Seconds to go, if the trials to come are like those that ended."""
    ended = sum(record.state.is_final for record in state.records.values())
    elapsed = (state.changed_at or 0.0) - (state.started_at or 0.0)
    is_known = ended > 0 and state.phase is Phase.RUNNING
    return {"remaining_s": elapsed / ended * (trials - ended) if is_known else None}
