"""What a study took, and what stopping early saved."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from automl.report.material import Material
from automl.report.wording import CAUSES, count, duration, remedy_of
from automl.study.treatments import TREATMENTS
from automl.types import Cause, Role, TrialState

__all__ = ["list_costs", "list_failures"]


def list_costs(material: Material) -> Iterator[tuple[str, str]]:
    """Name and value of each figure of cost."""
    state, budget = material.state, material.sheet.budget
    searched = [record for record in state.records.values() if record.role is Role.SEARCH]
    repeats = len(state.records) - len(searched)
    stopped = [record for record in searched if record.state is TrialState.PRUNED]
    saved = sum(budget.max_epochs - record.epochs for record in stopped)
    yield "wall time", duration(material.summary["seconds"])
    yield "time of all trials together", duration(state.trial_seconds)
    yield "trials", str(len(searched)) + (f", and {count(repeats, 'repeat')}" if repeats else "")
    yield "epochs", f"{state.epochs_total}"
    if saved:
        full = state.epochs_total + saved
        told = f"{saved} of {full} epochs ({saved / full:.0%})"
        yield "saved by stopping early", f"{told}, in {count(len(stopped), 'trial')}"
    if gpus := _gpus(material.asked):
        yield "GPU-hours", f"{gpus * state.trial_seconds / 3600:.1f}"


def _gpus(asked: Mapping[str, Any]) -> float:
    resources = asked.get("plan", {}).get("resources", {})
    return float(resources.get("gpus_per_trial", 0.0)) * float(resources.get("nodes_per_trial", 1))


def list_failures(material: Material) -> Iterator[tuple[str, str, str, str]]:
    """Trials that failed, or had to be tried again: trial, why, what was done, last words."""
    for record in material.state.records.values():
        if record.failures:
            tried = ", ".join(CAUSES.get(cause, cause.value) for cause in record.failures)
            outcome = "and then failed for good" if record.state is TrialState.FAILED else "and then went on"
            done = f"tried again {count(len(record.failures), 'time')} from its checkpoint, {outcome}"
            yield record.id, tried, done, _last_words(record.evidence)
        elif record.state is TrialState.FAILED:
            learned = (
                "the search took it as a bad point"
                if _is_bad_point(record.cause)
                else "left out of the search"
            )
            remedy = remedy_of(record.cause, material.folder.command("resume"))
            done = f"{learned}; {remedy}" if remedy else learned
            yield record.id, CAUSES.get(record.cause, record.cause.value), done, _last_words(record.evidence)


def _is_bad_point(cause: Cause) -> bool:
    treatment = TREATMENTS.get(cause)
    return treatment is not None and treatment.is_bad_point


def _last_words(evidence: str) -> str:
    lines = [line.strip() for line in evidence.splitlines() if line.strip()]
    return lines[-1] if lines else ""
