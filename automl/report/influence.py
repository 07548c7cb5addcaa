"""Which parameters mattered: importances where there are trials enough, and which way the metric followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from automl.insight.importances import measure_importances
from automl.report.charts import Bar, draw_bars
from automl.report.material import Material
from automl.report.wording import count, shorten
from automl.space import SearchSpace
from automl.types import ParamValue, Role

__all__ = ["Influences", "rank_influences"]

_LEAST_TRIALS = 4
_SHUFFLES = 500
_SEED = 7
_CONFIDENCE = 0.9


@dataclass(frozen=True)
class Influences:
    """Parameters by strength.

    Attributes:
        names: dotted names, strongest first.
        chart: SVG of the strengths.
    """

    names: tuple[str, ...]
    chart: Markup
    caption: str


def rank_influences(material: Material) -> Influences | None:
    """Parameters by importance; with few trials by rank correlation; None where even that says nothing."""
    followed = _correlate(material)
    measured = _measure(material)
    if measured is not None:
        return _draw_importances(material, measured, followed)
    return _draw_correlations(material, followed) if followed else None


def _measure(material: Material) -> Mapping[str, Any] | None:
    from automl.adapters.random_forest import fit_forest  # noqa: PLC0415 - slow to import

    return measure_importances(
        SearchSpace.from_json(material.sheet.space),
        material.sheet.metric,
        list(material.state.records.values()),
        max_epochs=material.sheet.budget.max_epochs,
        fit=fit_forest,
    )


def _draw_importances(
    material: Material, measured: Mapping[str, Any], followed: Mapping[str, _Strength]
) -> Influences:
    shares = {entry["name"]: float(entry["importance"]) for entry in measured["parameters"]}
    short = shorten(shares)
    bars = []
    for name, share in shares.items():
        way = followed[name].way if name in followed else ""
        bars.append(
            Bar(short[name], share, f"{share:.0%}{f', {way}' if way else ''}", "winner" if way else "other")
        )
    caption = (
        f"Share of what moves {material.sheet.metric.name} that each parameter has a part in, from a "
        f"surrogate over {count(measured['trials'], 'trial')} that explains "
        f"{max(0.0, measured['skill']):.0%} of what it has not seen; below half, take it as a hint. "
        "A direction is named where the rank correlation is beyond chance."
    )
    return Influences(tuple(shares), draw_bars("What mattered", caption, bars), caption)


def _draw_correlations(material: Material, found: Mapping[str, _Strength]) -> Influences:
    names = sorted(found, key=lambda name: -abs(found[name].value))
    short = shorten(names)
    sure = [name for name in names if found[name].is_beyond_chance]
    lead = (
        f"{short[sure[0]]} went with the metric most closely"
        if sure
        else "No parameter stands out from chance"
    )
    caption = (
        f"{lead}. Rank correlation of each parameter with {material.sheet.metric.name}; the whisker is what "
        "chance alone reaches in nine of ten shuffles. It shows what went together here, not causes."
    )
    bars = [_bar(short[name], found[name]) for name in names]
    return Influences(tuple(names), draw_bars("What mattered", caption, bars), caption)


def _correlate(material: Material) -> dict[str, _Strength]:
    """How closely the metric follows each parameter that enough trials vary."""
    records = [r for r in material.state.records.values() if r.value is not None and r.role is Role.SEARCH]
    found = {}
    for name in dict.fromkeys(name for record in records for name in record.params):
        having = [record for record in records if name in record.params]
        values = np.array([material.sheet.metric.direction.sign * (r.value or 0.0) for r in having])
        numbers = _numbers([record.params[name] for record in having])
        if len(having) >= _LEAST_TRIALS and len(set(numbers)) > 1:
            found[name] = _Strength(*_strength(numbers, values), len(having))
    return found


@dataclass(frozen=True)
class _Strength:
    value: float
    chance: float
    trials: int

    @property
    def is_beyond_chance(self) -> bool:
        return abs(self.value) > self.chance

    @property
    def way(self) -> str:
        """Which way to go; empty where chance would do as much."""
        if not self.is_beyond_chance:
            return ""
        return "higher is better" if self.value > 0 else "lower is better"


def _bar(name: str, found: _Strength) -> Bar:
    tone = "winner" if found.way else "other"
    text = f"{found.value:+.2f}, {found.way or 'within chance'}, {count(found.trials, 'trial')}"
    return Bar(name, abs(found.value), text, tone, (0.0, found.chance))


def _strength(numbers: NDArray[np.float64], values: NDArray[np.float64]) -> tuple[float, float]:
    """Spearman's rank correlation, and the size that shuffled values reach in nine of ten cases."""
    a, b = _ranks(numbers), _ranks(values)
    draws = np.random.default_rng(_SEED)
    shuffled = [abs(_correlation(a, draws.permutation(b))) for _ in range(_SHUFFLES)]
    return _correlation(a, b), float(np.quantile(shuffled, _CONFIDENCE))


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    if a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 0; equal values share the mean of theirs."""
    _, place, times = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(times)
    return np.asarray(((ends - times + ends - 1) / 2)[place])


def _numbers(values: Sequence[ParamValue]) -> NDArray[np.float64]:
    """Numbers as they are, choices by the order in which they first came."""
    if all(isinstance(value, int | float) for value in values):
        return np.array(values, dtype=float)
    known = list(dict.fromkeys(map(str, values)))
    return np.array([known.index(str(value)) for value in values], dtype=float)
