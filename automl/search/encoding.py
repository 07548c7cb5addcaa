"""A search space as numbers: rows between 0 and 1 that models can learn from and be asked about."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from automl.space import Parameter, ParameterKind, SearchSpace
from automl.types import Params, ParamValue

__all__ = ["Array", "Encoding", "Key", "Whole", "key_of"]

Array = NDArray[np.float64]
Whole = NDArray[np.int64]
Key = tuple[ParamValue, ...]
"""A configuration as something to compare and to keep in a set: its names in order, then their values."""

_DIGITS = 6
"""Significant digits of a continuous value: what is read, compared and repeated by hand stays short."""

# Legend of shapes: N rows, D parameters, F features (a choice of more than two has one for each).


class Encoding:
    """Translates between parameters, positions and features.

    A *position* says where a value lies on its parameter's own scale, from 0 to 1: logarithms, steps and
    whole numbers counted; choices stand at the middle of equal cells. *Features* are what distances are
    measured in: a choice is spread over one column for each option, two different ones lying 1 apart, and a
    parameter that does not exist under the conditions lies at its default, so that its value cannot matter.

    Args:
        space: parents stand before the parameters that depend on them.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._parameters = tuple(space)
        self._columns = {parameter.name: place for place, parameter in enumerate(self._parameters)}
        self.defaults: Array = self.positions([space.defaults()])[0] if len(space) else np.zeros(0)
        self.groups: Whole = np.repeat(
            np.arange(len(self._parameters)), [_feature_count(p) for p in self._parameters]
        )
        """Parameter of each feature, shape (F,)."""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The columns of a row of positions, in order."""
        return self._parameters

    def positions(self, rows: Sequence[Params]) -> Array:
        """Where parameters lie, shape (N, D); absent and foreign values stand at the default."""
        return np.array(
            [[_position(p, row.get(p.name, p.default)) for p in self._parameters] for row in rows],
            dtype=np.float64,
        ).reshape(len(rows), len(self._parameters))

    def snap(self, positions: Array) -> Array:
        """The nearest positions that a value has, shape (N, D); what does not exist moves to its default."""
        snapped = np.clip(positions, 0.0, 1.0)
        for place, parameter in enumerate(self._parameters):
            if (count := _value_count(parameter)) < math.inf or parameter.step or _is_whole(parameter):
                snapped[:, place] = _snap_column(parameter, snapped[:, place], count)
            absent = ~self._exists(parameter, snapped)
            snapped[absent, place] = self.defaults[place]
        return snapped

    def features(self, positions: Array) -> Array:
        """What distances are measured in, shape (N, F), of snapped positions."""
        columns = []
        for place, parameter in enumerate(self._parameters):
            column = positions[:, place]
            if _feature_count(parameter) == 1:
                columns.append(column[:, None])
            else:
                index = _choice_index(parameter, column)
                columns.append(np.eye(len(parameter.choices))[index] / math.sqrt(2.0))
        return np.concatenate(columns, axis=1) if columns else np.zeros((len(positions), 0))

    def params(self, position: Array) -> dict[str, ParamValue]:
        """The parameters that exist at a position, shape (D,)."""
        params: dict[str, ParamValue] = {}
        for place, parameter in enumerate(self._parameters):
            if parameter.condition is None or parameter.condition.holds(params):
                is_default = position[place] == self.defaults[place]
                params[parameter.name] = (
                    parameter.default if is_default else _value(parameter, float(position[place]))
                )
        return params

    def count(self) -> float:
        """Number of different configurations; infinite with a continuum."""
        return self._count(0, {})

    def _count(self, place: int, params: dict[str, ParamValue]) -> float:
        if place == len(self._parameters):
            return 1
        parameter = self._parameters[place]
        if parameter.condition is not None and not parameter.condition.holds(params):
            return self._count(place + 1, params)
        rest = self._parameters[place + 1 :]
        if not any(p.condition and parameter.name in p.condition.parents for p in rest):
            return _value_count(parameter) * self._count(place + 1, params)
        values = (_value(parameter, place) for place in self.levels(parameter, int(_value_count(parameter))))
        branches = ({**params, parameter.name: value} for value in values)
        return sum(self._count(place + 1, branch) for branch in branches)

    def levels(self, parameter: Parameter, most: int) -> list[float]:
        """Evenly spaced positions of a parameter: all that it has, or ``most``; every choice in any case."""
        count = _value_count(parameter)
        if parameter.choices:
            return [(index + 0.5) / int(count) for index in range(int(count))]
        spaced = np.linspace(0.0, 1.0, int(min(count, most))) if min(count, most) > 1 else np.full(1, 0.5)
        snapped = _snap_column(parameter, spaced, count) if count < math.inf else spaced
        return sorted(set(snapped.tolist()))

    def every(self) -> Iterator[dict[str, ParamValue]]:
        """All configurations of a finite space, each as often as conditions make others equal to it."""
        levels = [self.levels(parameter, int(_value_count(parameter))) for parameter in self._parameters]
        for row in itertools.product(*levels):
            yield self.params(np.array(row))

    def _exists(self, parameter: Parameter, positions: Array) -> NDArray[np.bool_]:
        exists = np.ones(len(positions), dtype=np.bool_)
        if parameter.condition is None:
            return exists
        for name, allowed in parameter.condition.needs.items():
            parent = self._parameters[self._columns[name]]
            column = positions[:, self._columns[name]]
            if parent.choices:
                fits = np.array([choice in allowed for choice in parent.choices])
                exists &= fits[_choice_index(parent, column)]
            else:
                exists &= np.array([_value(parent, float(place)) in allowed for place in column])
            exists &= self._exists(parent, positions)
        return exists


def key_of(params: Params) -> Key:
    """What two equal configurations have in common, whatever the order of their names."""
    names = sorted(params)
    return (*names, *(params[name] for name in names))


def _feature_count(parameter: Parameter) -> int:
    return len(parameter.choices) if len(parameter.choices) > 2 else 1


def _is_whole(parameter: Parameter) -> bool:
    return parameter.kind is ParameterKind.INT


def _bounds(parameter: Parameter) -> tuple[float, float]:
    assert parameter.low is not None
    assert parameter.high is not None
    return float(parameter.low), float(parameter.high)


def _scale(parameter: Parameter) -> tuple[float, float]:
    """Ends of the scale; whole numbers on a logarithmic one own the half cell on either side."""
    low, high = _bounds(parameter)
    if not parameter.log:
        return low, high
    half = 0.5 if _is_whole(parameter) else 0.0
    return math.log(low - half), math.log(high + half)


def _value_count(parameter: Parameter) -> float:
    if parameter.choices:
        return len(parameter.choices)
    step = parameter.step or (1 if _is_whole(parameter) else None)
    low, high = _bounds(parameter)
    return math.inf if step is None else math.floor((high - low) / step + 1e-9) + 1


def _choice_index(parameter: Parameter, column: Array) -> Whole:
    count = len(parameter.choices)
    return np.minimum((column * count).astype(np.int64), count - 1)


def _position(parameter: Parameter, value: ParamValue) -> float:
    if parameter.choices:
        known = parameter.choices.index(value) if value in parameter.choices else 0
        return (known + 0.5) / len(parameter.choices)
    low, high = _bounds(parameter)
    if isinstance(value, bool) or not isinstance(value, int | float):
        value = low
    inside = min(max(float(value), low), high)
    begin, end = _scale(parameter)
    place = math.log(inside) if parameter.log else inside
    return (place - begin) / (end - begin) if end > begin else 0.5


def _value(parameter: Parameter, position: float) -> ParamValue:
    if parameter.choices:
        return parameter.choices[int(_choice_index(parameter, np.array([position]))[0])]
    low, high = _bounds(parameter)
    begin, end = _scale(parameter)
    place = begin + position * (end - begin)
    value = math.exp(place) if parameter.log else place
    step = parameter.step or (1 if _is_whole(parameter) else None)
    if step is not None:
        last = math.floor((high - low) / step + 1e-9)
        value = low + step * min(max(round((value - low) / step), 0), last)
    else:
        value = float(f"{value:.{_DIGITS}g}")
    value = min(max(value, low), high)
    return round(value) if _is_whole(parameter) else value


def _snap_column(parameter: Parameter, column: Array, count: float) -> Array:
    if parameter.choices:
        return (_choice_index(parameter, column) + 0.5) / len(parameter.choices)
    low, _ = _bounds(parameter)
    begin, end = _scale(parameter)
    places = begin + column * (end - begin)
    values = np.exp(places) if parameter.log else places
    step = parameter.step or 1.0
    values = low + step * np.clip(np.rint((values - low) / step), 0, count - 1)
    places = np.log(values) if parameter.log else values
    result: Array = (places - begin) / (end - begin) if end > begin else np.full_like(column, 0.5)
    return result
