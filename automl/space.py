"""A closed search space: what may vary, between which values, under which condition, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from automl.types import Params, ParamValue

__all__ = ["Condition", "Exclusion", "Parameter", "ParameterKind", "Prior", "SearchSpace", "Tie"]


class ParameterKind(StrEnum):
    """What a searched parameter is; the only four things a searcher has to understand."""

    FLOAT = "float"
    INT = "int"
    BOOL = "bool"
    CATEGORICAL = "categorical"


@dataclass(frozen=True)
class Condition:
    """The parameter only exists while all of these others exist and have one of their values.

    Attributes:
        needs: parent to the values that allow the parameter.
    """

    needs: Mapping[str, tuple[ParamValue, ...]]

    @property
    def parents(self) -> tuple[str, ...]:
        """Names of the parameters that decide."""
        return tuple(self.needs)

    def holds(self, params: Params) -> bool:
        """Whether all parents are present and have an allowed value."""
        return all(name in params and params[name] in values for name, values in self.needs.items())


@dataclass(frozen=True)
class Prior:
    """Where people expect the best value.

    Attributes:
        center: a value of the parameter.
        confidence: share of draws that keep near it, between 0 and 1.
    """

    center: ParamValue
    confidence: float


@dataclass(frozen=True)
class Parameter:
    """One dimension of the search.

    Attributes:
        name: dotted place in the spec.
        kind: float and int have ``low`` and ``high``; bool and categorical have ``choices``.
        low: least value, inclusive; always finite.
        high: greatest value, inclusive; always finite.
        log: whether equal ratios count as equal distances.
        step: distance of neighbouring values, None for a continuum (float) or 1 (int).
        choices: values to choose from; a list-valued choice is a tuple.
        weights: prior weight of each choice, None when all are equal.
        default: value in the default spec; the search starts there.
        condition: when the parameter exists at all.
        prior: where people expect its best value, None when they said nothing.
        auxiliary: whether it only feeds ties and is no key of the spec.
        source: where the bounds come from (schema, curated file, flag, rule), for people.
    """

    name: str
    kind: ParameterKind
    low: float | None = None
    high: float | None = None
    log: bool = False
    step: float | None = None
    choices: tuple[ParamValue, ...] = ()
    weights: tuple[float, ...] | None = None
    default: ParamValue = None
    condition: Condition | None = None
    prior: Prior | None = None
    auxiliary: bool = False
    source: str = ""

    def contains(self, value: ParamValue) -> bool:
        """Whether the value may be suggested (steps are not checked)."""
        if self.choices:
            return value in self.choices
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        assert self.low is not None
        assert self.high is not None
        return self.low <= value <= self.high and (
            self.kind is ParameterKind.FLOAT or float(value).is_integer()
        )

    def to_json(self) -> dict[str, Any]:
        """The shape of ``automl space --json`` (contract section 12)."""
        fields = asdict(self)
        fields["type"] = fields.pop("kind").value
        fields["condition"] = dict(self.condition.needs) if self.condition else None
        return fields

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Parameter:
        """The parameter that `to_json` wrote."""
        said = {name: _frozen(value) for name, value in fields.items()}
        kind = ParameterKind(said.pop("type"))
        condition, prior = (said.pop(name) for name in ("condition", "prior"))
        return cls(
            kind=kind,
            condition=Condition(condition) if condition else None,
            prior=Prior(**prior) if prior else None,
            **said,
        )


@dataclass(frozen=True)
class Exclusion:
    """A schema leaf that is not searched, and the reason in words."""

    name: str
    reason: str


@dataclass(frozen=True)
class Tie:
    """A key of the spec that is computed from searched parameters instead of being searched itself.

    Attributes:
        name: dotted place in the spec.
        expression: the formula, over names of parameters and numbers.
        fixed: value of each name in the formula that is not searched.
        low: least value it can take.
        high: greatest value it can take.
        unit: what its values are rounded down to multiples of, None for a continuum.
        source: who said so, for people.
    """

    name: str
    expression: str
    fixed: Mapping[str, float]
    low: float
    high: float
    unit: int | None = None
    source: str = ""


@dataclass(frozen=True)
class SearchSpace:
    """All dimensions of a study; parents stand before the parameters that depend on them."""

    parameters: tuple[Parameter, ...]
    excluded: tuple[Exclusion, ...] = ()
    ties: tuple[Tie, ...] = ()

    def __iter__(self) -> Iterator[Parameter]:
        return iter(self.parameters)

    def __len__(self) -> int:
        return len(self.parameters)

    def __contains__(self, name: object) -> bool:
        return any(parameter.name == name for parameter in self.parameters)

    def __getitem__(self, name: str) -> Parameter:
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise KeyError(name)

    def defaults(self) -> dict[str, ParamValue]:
        """The default of every active parameter: trial 0 of every study."""
        params: dict[str, ParamValue] = {}
        for parameter in self.parameters:
            if parameter.condition is None or parameter.condition.holds(params):
                params[parameter.name] = parameter.default
        return params

    def to_json(self) -> Mapping[str, Any]:
        """The shape of ``automl space --json``."""
        return {
            "parameters": [parameter.to_json() for parameter in self.parameters],
            "excluded": [asdict(exclusion) for exclusion in self.excluded],
            "ties": [asdict(tie) for tie in self.ties],
        }

    @classmethod
    def from_json(cls, shape: Mapping[str, Any]) -> SearchSpace:
        """The space that `to_json` wrote, equal to the one it was written from."""
        return cls(
            tuple(Parameter.from_json(fields) for fields in shape["parameters"]),
            tuple(Exclusion(**fields) for fields in shape["excluded"]),
            tuple(Tie(**fields) for fields in shape.get("ties", ())),
        )


def _frozen(value: Any) -> Any:
    """Lists as tuples, at any depth."""
    if isinstance(value, Mapping):
        return {key: _frozen(item) for key, item in value.items()}
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value
