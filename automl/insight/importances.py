"""How much each parameter matters, over the whole space and for trainings of full length.

A surrogate learns the metric from parameters and epochs together, so trials that were stopped early count
with the epochs they had, neither as if they were worse than they are nor not at all. The importance of a
parameter is its total Sobol index on the surrogate at the last epoch: the share of the metric's variance that
is left when all others are known (Jansen, "Analysis of variance designs for model output", 1999). Conditional
parameters count where they exist.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from automl.space import Parameter, SearchSpace
from automl.types import Metric, Params, ParamValue, Role, TrialRecord

__all__ = ["Fit", "Surrogate", "measure_importances"]

Array = NDArray[np.float64]

_LEAST_TRIALS = 6
_MOST_TRIALS = 2000
"""Fitting ten thousand takes half a minute and moves no importance by a percent."""
_DRAWS = 512
_SEED = 1999


class Surrogate(Protocol):
    """A fitted regression."""

    @property
    def skill(self) -> float:
        """Explained share of what makes unseen trials of equal length differ, at most 1."""

    def predict(self, rows: Array) -> Array:
        """Values of shape (N,) for rows of shape (N, F)."""


Fit = Callable[[Array, Array, NDArray[np.int64]], Surrogate]
"""Rows (N, F) with the epoch last, values (N,) and the trial of each row (N,) to a regression."""


@dataclass(frozen=True)
class _Table:
    """Measured epochs as numbers: one row an epoch, the epoch in the last column."""

    rows: Array
    values: Array
    trials: NDArray[np.int64]


def measure_importances(
    space: SearchSpace, metric: Metric, records: Sequence[TrialRecord], *, max_epochs: int, fit: Fit
) -> dict[str, Any] | None:
    """Parameters by importance, largest first; None where too few trials were measured.

    Args:
        space: what was searched.
        metric: what ranked.
        records: all trials; repeats and failed ones are left out.
        max_epochs: epochs of a full training.
        fit: makes the surrogate.
    """
    known = [record for record in records if record.role is Role.SEARCH and record.is_ranked]
    if len(known) < _LEAST_TRIALS or not len(space):
        return None
    known = _thin(known)
    table = _tabulate(space, metric, known)
    surrogate = fit(table.rows, table.values, table.trials)
    indices = _total_effects(space, surrogate, max_epochs)
    ranked = sorted(indices.items(), key=lambda item: -item[1])
    return {
        "method": "total Sobol index of a surrogate over parameters and epochs",
        "trials": len(known),
        "measured_epochs": len(table.values),
        "skill": surrogate.skill,
        "parameters": [{"name": name, "importance": value} for name, value in ranked],
    }


def _thin(records: list[TrialRecord]) -> list[TrialRecord]:
    """At most so many, spread evenly over the study."""
    if len(records) <= _MOST_TRIALS:
        return records
    return [records[place] for place in np.linspace(0, len(records) - 1, _MOST_TRIALS).astype(int)]


def _tabulate(space: SearchSpace, metric: Metric, records: Sequence[TrialRecord]) -> _Table:
    rows, values, trials = [], [], []
    for number, record in enumerate(records):
        position = _position(space, record.params)
        best: float | None = None
        for report in record.reports:
            if report.value is None:
                continue
            best = report.value if metric.is_better(report.value, best) else best
            rows.append([*position, float(report.epoch)])
            values.append(best)
            trials.append(number)
    return _Table(np.array(rows), np.array(values, dtype=float), np.array(trials))


def _total_effects(space: SearchSpace, surrogate: Surrogate, max_epochs: int) -> dict[str, float]:
    """Jansen's estimator: half the mean square by which the metric moves when one parameter is drawn anew."""
    draws = np.random.default_rng(_SEED)
    base, anew = (draws.random((_DRAWS, len(space))) for _ in range(2))
    before = surrogate.predict(_rows(space, base, max_epochs))
    variance = float(before.var())
    effects = {}
    for column, parameter in enumerate(space):
        changed = base.copy()
        changed[:, column] = anew[:, column]
        moved = surrogate.predict(_rows(space, changed, max_epochs)) - before
        effects[parameter.name] = float((moved**2).mean() / 2 / variance) if variance > 0 else 0.0
    return effects


def _rows(space: SearchSpace, positions: Array, epoch: int) -> Array:
    """Rows of the surrogate for uniform draws; what does not exist under its conditions has its default."""
    params = [_params(space, position) for position in positions]
    return np.array([[*_position(space, given), float(epoch)] for given in params])


def _params(space: SearchSpace, position: Array) -> dict[str, ParamValue]:
    params: dict[str, ParamValue] = {}
    for parameter, share in zip(space, position, strict=True):
        if parameter.condition is None or parameter.condition.holds(params):
            params[parameter.name] = _value(parameter, float(share))
    return params


def _value(parameter: Parameter, share: float) -> ParamValue:
    if parameter.choices:
        return parameter.choices[int(share * len(parameter.choices))]
    low, high = (_scaled(parameter, bound or 0.0) for bound in (parameter.low, parameter.high))
    value = low + share * (high - low)
    return math.exp(value) if parameter.log else value


def _position(space: SearchSpace, params: Params) -> list[float]:
    """One number a parameter: its index among the choices, or its value on the parameter's own scale."""
    return [_number(parameter, params.get(parameter.name, parameter.default)) for parameter in space]


def _number(parameter: Parameter, value: ParamValue) -> float:
    if parameter.choices:
        return float(parameter.choices.index(value)) if value in parameter.choices else -1.0
    return _scaled(parameter, value if isinstance(value, int | float) else parameter.low or 0.0)


def _scaled(parameter: Parameter, value: float) -> float:
    return math.log(value) if parameter.log else float(value)
