"""Formulas over keys of a spec that must not exceed a number, held against spaces and specs.

The model's own check gives them, so that a configuration that cannot train, such as one whose update takes
more frames than an epoch has, is known before anything is launched.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from automl.errors import Fault, SpaceError
from automl.schema.expressions import Expression, ExpressionError, Interval, is_number
from automl.schema.paths import get_path
from automl.space import Parameter, ParameterKind, SearchSpace
from automl.types import Spec

__all__ = ["NARROWED", "Limit", "find_excesses", "narrow_space"]

NARROWED = "narrowed to"
"""Stands in the source of a parameter of which some values are left out."""


@dataclass(frozen=True)
class Limit:
    """What has to hold of every spec of a study.

    Attributes:
        formula: over keys of the spec; where one of them is no number, nothing is asked.
        at_most: its greatest value.
        reason: why, for people.
    """

    formula: Expression
    at_most: float
    reason: str


def find_excesses(limits: Sequence[Limit], spec: Spec, where: Callable[[str], str]) -> Iterator[Fault]:
    """The limits that a spec exceeds.

    Args:
        limits: of the model.
        spec: resolved spec of a trial.
        where: dotted name to ``file:key``, for messages.
    """
    for limit in limits:
        value = _least(limit.formula, _fixed(limit.formula, spec))
        if value > limit.at_most:
            message = f"{limit.formula.text} is {value:g}, at most {limit.at_most:g}"
            yield Fault(message, where(limit.formula.names[0]), limit.reason)


def narrow_space(space: SearchSpace, limits: Sequence[Limit], spec: Spec) -> SearchSpace:
    """The space without the values that exceed a limit whatever the other parameters are.

    What exceeds it in some combinations alone stays: those are refused one by one.

    Raises:
        SpaceError: a parameter has no value that keeps to the limits.
    """
    parameters = {parameter.name: parameter for parameter in space}
    faults = []
    for limit in limits:
        ranges = _ranges(limit.formula, space, spec)
        for name in parameters.keys() & set(limit.formula.names):
            try:
                parameters[name] = _narrowed(parameters[name], limit, ranges)
            except ValueError:
                message = f"no value of it keeps {limit.formula.text} to at most {limit.at_most:g}"
                faults.append(Fault(message, name, limit.reason))
    if faults:
        raise SpaceError(faults)
    return replace(space, parameters=tuple(parameters.values()))


def _fixed(formula: Expression, spec: Spec) -> dict[str, Interval]:
    """The numbers that a spec gives the names of a formula."""
    values = {name: get_path(spec, name) for name in formula.names}
    return {name: (value, value) for name, value in values.items() if is_number(value)}


def _ranges(formula: Expression, space: SearchSpace, spec: Spec) -> dict[str, Interval]:
    """What each name of a formula can be; a parameter that may be absent then has its default."""
    ranges = _fixed(formula, spec) | {tie.name: (tie.low, tie.high) for tie in space.ties}
    for parameter in space:
        values = [*(parameter.choices or (parameter.low, parameter.high))]
        values += [parameter.default] if parameter.condition else []
        numbers = [value for value in values if is_number(value)]
        if len(numbers) == len(values):
            ranges[parameter.name] = min(numbers), max(numbers)
        else:
            ranges.pop(parameter.name, None)
    return ranges


def _least(formula: Expression, ranges: Mapping[str, Interval]) -> float:
    """The least value of a formula, minus infinity where it has none."""
    try:
        return formula.bounds(ranges)[0] if ranges.keys() >= set(formula.names) else -math.inf
    except ExpressionError:
        return -math.inf


def _narrowed(parameter: Parameter, limit: Limit, ranges: Mapping[str, Interval]) -> Parameter:
    """The parameter with the values that can keep to the limit.

    Raises:
        ValueError: there is none.
    """

    def fits(value: Any) -> bool:
        is_judged = is_number(value)
        return (
            not is_judged
            or _least(limit.formula, {**ranges, parameter.name: (value, value)}) <= limit.at_most
        )

    narrowed = _with_choices(parameter, fits) if parameter.choices else _with_ends(parameter, fits)
    if narrowed == parameter:
        return parameter
    prior = narrowed.prior if narrowed.prior and narrowed.contains(narrowed.prior.center) else None
    left = ", ".join(map(str, narrowed.choices)) or f"{narrowed.low:g} to {narrowed.high:g}"
    source = f"{parameter.source}; {NARROWED} {left}, since {limit.reason}"
    return replace(narrowed, prior=prior, source=source)


def _with_choices(parameter: Parameter, fits: Callable[[Any], bool]) -> Parameter:
    kept = [i for i, choice in enumerate(parameter.choices) if fits(choice)]
    if not kept:
        raise ValueError
    weights = [parameter.weights[i] for i in kept] if parameter.weights else []
    return replace(
        parameter,
        choices=tuple(parameter.choices[i] for i in kept),
        weights=tuple(weights) if sum(weights) > 0 else None,
    )


def _with_ends(parameter: Parameter, fits: Callable[[Any], bool]) -> Parameter:
    """A formula rises or falls with the parameter, so one end moves; a continuum is left as it is."""
    low, high = parameter.low, parameter.high
    assert low is not None
    assert high is not None
    step = parameter.step or (1 if parameter.kind is ParameterKind.INT else None)
    if step is None or (fits(low) and fits(high)):
        return parameter
    places = range(round((high - low) / step) + 1)
    if fits(high):
        return replace(
            parameter, low=low + step * bisect_left(places, True, key=lambda i: fits(low + i * step))
        )
    beyond = bisect_left(places, True, key=lambda i: not fits(low + i * step))
    if beyond == 0:
        raise ValueError
    return replace(parameter, high=low + step * (beyond - 1))
