"""Which parameters moved the metric: rank correlation over the trials, beside what chance alone shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from automl.report.charts import Bar, draw_bars
from automl.report.material import Material
from automl.report.wording import count, shorten
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
    """Parameters by how closely the metric follows them; None where too few trials vary them."""
    records = [r for r in material.state.records.values() if r.value is not None and r.role is Role.SEARCH]
    found: dict[str, _Strength] = {}
    for name in dict.fromkeys(name for record in records for name in record.params):
        having = [record for record in records if name in record.params]
        values = np.array([material.sheet.metric.direction.sign * (r.value or 0.0) for r in having])
        numbers = _numbers([record.params[name] for record in having])
        if len(having) >= _LEAST_TRIALS and len(set(numbers)) > 1:
            found[name] = _Strength(*_strength(numbers, values), len(having))
    if not found:
        return None
    names = sorted(found, key=lambda name: -abs(found[name].value))
    short = shorten(names)
    bars = [_bar(short[name], found[name]) for name in names]
    sure = [name for name in names if found[name].is_beyond_chance]
    lead = (
        f"{short[sure[0]]} went with the metric most closely"
        if sure
        else "No parameter stands out from chance"
    )
    caption = (
        f"{lead}. Rank correlation of each parameter with {material.sheet.metric.name} over "
        f"{count(len(records), 'trial')}; the whisker is what chance alone reaches in nine of ten shuffles. "
        "It shows what went together in this search, not causes."
    )
    return Influences(tuple(names), draw_bars("What mattered", caption, bars), caption)


@dataclass(frozen=True)
class _Strength:
    value: float
    chance: float
    trials: int

    @property
    def is_beyond_chance(self) -> bool:
        return abs(self.value) > self.chance


def _bar(name: str, found: _Strength) -> Bar:
    way = "higher is better" if found.value > 0 else "lower is better"
    said = way if found.is_beyond_chance else "within chance"
    tone = "winner" if found.is_beyond_chance else "other"
    text = f"{found.value:+.2f}, {said}, {count(found.trials, 'trial')}"
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
