"""The ranking of trials as rows, and what each changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from automl.report.material import Material
from automl.report.wording import CAUSES, ENDINGS, duration, shorten, value_text
from automl.study.state import DEFAULT_TRIAL
from automl.types import Params, Role, TrialRecord, TrialState

__all__ = ["MOST_ROWS", "Standing", "changes_from", "list_standings"]

MOST_ROWS = 200
"""Nobody reads more of a table, and a page of thousands takes a browser seconds."""


@dataclass(frozen=True)
class Standing:
    """One row of the leaderboard.

    Attributes:
        rank: a dash for a trial that is not ranked.
        changes: parameters that differ from the default spec, in short names.
    """

    rank: str
    trial: str
    state: str
    value: float | None
    epochs: int
    time: str
    changes: str
    is_winner: bool


def list_standings(material: Material) -> list[Standing]:
    """All trials, best first; repeats of finalists and trials without a score at the end."""
    sign = material.sheet.metric.direction.sign
    names = shorten({name for record in material.state.records.values() for name in record.params})
    default = material.default.params if material.default else {}

    def order(record: TrialRecord) -> tuple[bool, bool, float]:
        return not _is_ranked(record), record.value is None, -sign * (record.value or 0.0)

    ranked = sorted(material.state.records.values(), key=order)
    return [
        Standing(
            rank=str(rank) if _is_ranked(record) else "–",
            trial=record.id,
            state=_state(record),
            value=record.value,
            epochs=record.epochs,
            time=duration(record.seconds),
            changes=_changes(record, default, names),
            is_winner=material.winner is not None and record.id == material.winner.id,
        )
        for rank, record in enumerate(ranked, 1)
    ]


def changes_from(default: Params, params: Params) -> Mapping[str, tuple[Any, Any]]:
    """Parameters whose value is not the default's: name to default and own value."""
    return {
        name: (default.get(name), value)
        for name, value in params.items()
        if name not in default or default[name] != value
    }


def _is_ranked(record: TrialRecord) -> bool:
    return record.role is Role.SEARCH and record.value is not None and record.state is not TrialState.FAILED


def _state(record: TrialRecord) -> str:
    text = ENDINGS[record.state]
    if record.role is not Role.SEARCH:
        text += f", repeat on seed {record.seed}"
    if record.state in (TrialState.FAILED, TrialState.CANCELLED):
        text += f": {CAUSES.get(record.cause, record.cause.value)}"
    return text


def _changes(record: TrialRecord, default: Params, names: Mapping[str, str]) -> str:
    if record.id == DEFAULT_TRIAL:
        return "default spec"
    changed = changes_from(default, record.params)
    return ", ".join(f"{names[name]}={value_text(new)}" for name, (_, new) in changed.items())
