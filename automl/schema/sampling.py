"""Draws from a search space as its prior has it, without a searcher: for a look at a space, and for tests."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from automl.space import Parameter, ParameterKind, SearchSpace
from automl.types import ParamValue

__all__ = ["sample_space"]

_SPREAD = 0.1
"""Standard deviation of draws around a prior's centre, as a part of the whole scale."""


def sample_space(space: SearchSpace, count: int, seed: int = 0) -> Iterator[dict[str, ParamValue]]:
    """Independent samples: log scales, steps, weights, priors and conditions count, earlier samples do not.

    Args:
        space: closed search space; parents stand before their dependants.
        count: number of samples.
        seed: the same seed gives the same samples on every machine.

    Yields:
        Dotted name to value of each parameter that exists in the sample.
    """
    rng = np.random.default_rng(seed)
    for _ in range(count):
        params: dict[str, ParamValue] = {}
        for parameter in space:
            value = _draw(
                parameter, rng
            )  # drawn even when absent, so that a condition does not shift the rest
            if parameter.condition is None or parameter.condition.holds(params):
                params[parameter.name] = value
        yield params


def _draw(parameter: Parameter, rng: np.random.Generator) -> ParamValue:
    position = float(rng.random())
    if parameter.prior is not None and rng.random() < parameter.prior.confidence:
        if parameter.choices:
            return parameter.prior.center
        near = _position(parameter, float(parameter.prior.center)) + rng.normal(0.0, _SPREAD)  # type: ignore[arg-type]
        position = near if 0.0 <= near < 1.0 else position
    if parameter.choices:
        weights = np.asarray(parameter.weights or (1.0,) * len(parameter.choices), dtype=np.float64)
        edges = np.cumsum(weights / weights.sum())
        return parameter.choices[min(int(np.searchsorted(edges, position, side="right")), len(edges) - 1)]
    assert parameter.low is not None
    assert parameter.high is not None
    if parameter.kind is ParameterKind.INT:
        return _draw_int(parameter, int(parameter.low), int(parameter.high), position)
    if parameter.step:
        cells = round((parameter.high - parameter.low) / parameter.step)
        return parameter.low + parameter.step * min(int(position * (cells + 1)), cells)
    value = _between(parameter.low, parameter.high, position, log=parameter.log)
    return min(max(value, parameter.low), parameter.high)


def _position(parameter: Parameter, value: float) -> float:
    """Where a value lies between the ends of its parameter's scale, from 0 to 1."""
    assert parameter.low is not None
    assert parameter.high is not None
    scale: Callable[[float], float] = math.log if parameter.log else float
    return (scale(value) - scale(parameter.low)) / (scale(parameter.high) - scale(parameter.low))


def _draw_int(parameter: Parameter, low: int, high: int, position: float) -> int:
    """Whole numbers own the half cell on either side: both ends are as likely as their neighbours."""
    step = int(parameter.step or 1)
    if parameter.log:
        return min(max(round(_between(low - 0.5, high + 0.5, position, log=True)), low), high)
    return low + step * min(int(position * ((high - low) // step + 1)), (high - low) // step)


def _between(low: float, high: float, position: float, *, log: bool) -> float:
    if log:
        return math.exp(math.log(low) + position * (math.log(high) - math.log(low)))
    return low + position * (high - low)
