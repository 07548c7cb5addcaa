"""Keys of a spec that are computed from searched parameters, proven to keep to what the schema allows."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping
from typing import Any

from automl.errors import Fault
from automl.schema.conditions import Clause
from automl.schema.expressions import ExpressionError, Interval, is_number, parse_expression
from automl.schema.leaves import Leaf, LeafType
from automl.schema.names import suggest
from automl.schema.paths import get_path
from automl.space import Parameter, SearchSpace, Tie
from automl.types import Params, Spec

__all__ = ["TieBuilder", "spec_params", "tied_values"]


class TieBuilder:
    """Makes ties over the finished dimensions of a space; what cannot be is collected as faults.

    Args:
        parameters: all dimensions, by name.
        leaves: all leaves, for suggestions and bounds.
        spec: values of what is not searched.
        tied: names that get ties; none of them may speak of another.
    """

    def __init__(
        self,
        parameters: Mapping[str, Parameter],
        leaves: Mapping[str, Leaf],
        spec: Spec,
        tied: Container[str],
    ) -> None:
        self._parameters, self._leaves, self._spec, self._tied = parameters, leaves, spec, tied
        self.faults: list[Fault] = []

    def make(self, leaf: Leaf, text: str, *, source: str, where: str) -> Tie | None:
        """A tie, or None with a fault."""
        try:
            expression = parse_expression(text)
            ranges = {name: self._range(name) for name in expression.names}
            low, high = expression.bounds(ranges)
        except ExpressionError as cause:
            hint = "name numbers of the spec, or make one up with --param NAME=LOW:HIGH@START"
            self.faults.append(Fault(f"the tie {text!r} {cause}", where, hint))
            return None
        unit = _unit(leaf)
        low, high = _rounded(low, unit), _rounded(high, unit)
        if problem := self._problem(leaf, low, high):
            hint = "narrow the parameters it is computed from, or clip it with min and max"
            message = f"the tie {text!r} reaches {low:g} to {high:g}, {problem}"
            self.faults.append(Fault(message, where, hint))
            return None
        fixed = {name: ranges[name][0] for name in expression.names if name not in self._parameters}
        return Tie(leaf.name, expression.text, fixed, low, high, unit=unit, source=source)

    def _range(self, name: str) -> Interval:
        """What a name in a formula can be: the range of a parameter, or the one value of the spec."""
        if name in self._tied:
            raise ExpressionError(f"speaks of {name!r}, which is tied itself")
        parameter = self._parameters.get(name)
        if parameter is None:
            value = get_path(self._spec, name)
            if is_number(value):
                return value, value
            near = suggest(name, [*self._leaves, *self._parameters])
            raise ExpressionError(f"speaks of {name!r}, which is no number of the spec{near and '; '}{near}")
        numbers = [*(parameter.choices or (parameter.low, parameter.high)), parameter.default]
        if not all(map(is_number, numbers)):
            raise ExpressionError(f"speaks of {name!r}, which is not always a number")
        return min(numbers), max(numbers)  # type: ignore[type-var, return-value]

    def _problem(self, leaf: Leaf, low: float, high: float) -> str:
        if not (leaf.type.is_number or leaf.type is LeafType.ORDERED_INT) or leaf.enum:
            return f"but {leaf.name} is a {leaf.type}"
        assert not isinstance(leaf.minimum, tuple)
        assert not isinstance(leaf.maximum, tuple)
        if low < leaf.minimum or high > leaf.maximum:
            return f"allowed is {leaf.minimum:g} to {leaf.maximum:g}"
        broken = [str(c) for c in leaf.math_cond if not self._keeps(leaf, c, low, high)]
        return f"which may break {', '.join(broken)}" if broken else ""

    def _keeps(self, leaf: Leaf, clause: Clause, low: float, high: float) -> bool:
        if clause.operand is None:
            others = [self._range(name) for name in leaf.depends_on]
            return all(
                clause.allows(value, end) for other in others for end in other for value in (low, high)
            )
        if clause.operator == "/":
            return bool(leaf.depends_on) or leaf.type is LeafType.INT
        if clause.operator == "!=":
            return not low <= clause.operand <= high
        is_comparison = clause.operator in (">", ">=", "<", "<=") or low == high
        return is_comparison and clause.allows(low) and clause.allows(high)


def spec_params(space: SearchSpace, params: Params) -> Params:
    """What a trial's parameters put into its spec: without auxiliary ones, with those that are tied to them.

    The default trial is the default spec, whatever ties would make of it.
    """
    auxiliary = {parameter.name for parameter in space if parameter.auxiliary}
    if not (auxiliary or space.ties):
        return params
    own = {name: value for name, value in params.items() if name not in auxiliary}
    if not params or params == space.defaults():
        return own
    return {**own, **tied_values(space, params)}


def tied_values(space: SearchSpace, params: Params) -> dict[str, float]:
    """Value of each tied key; a parameter that is absent counts with its default."""
    numbers = {parameter.name: params.get(parameter.name, parameter.default) for parameter in space}
    return {tie.name: _value(tie, numbers) for tie in space.ties}


def _value(tie: Tie, numbers: Mapping[str, Any]) -> float:
    value = parse_expression(tie.expression).value({**numbers, **tie.fixed})
    rounded = _rounded(min(max(value, tie.low), tie.high), tie.unit)
    return rounded if tie.unit is None else int(rounded)


def _unit(leaf: Leaf) -> int | None:
    """What a whole number has to be a multiple of."""
    if leaf.type not in (LeafType.INT, LeafType.ORDERED_INT):
        return None
    units = [c.operand for c in leaf.math_cond if c.operator == "/" and c.operand and not leaf.depends_on]
    return int(units[0]) if units else 1


def _rounded(value: float, unit: int | None) -> float:
    return value if unit is None else math.floor(value / unit + 1e-9) * unit
