"""Holds a spec against its schema: bounds and choices by jsonschema, ``math_cond`` by the dialect's rules."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Container, Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from automl.errors import Fault
from automl.schema.expressions import is_number
from automl.schema.leaves import ActionSchema, Leaf, LeafType
from automl.schema.paths import get_path

__all__ = ["coerce", "find_faults", "find_unset"]

_ABSENT = object()
_JSON_TYPES: Mapping[LeafType, str] = {
    LeafType.INT: "integer",
    LeafType.FLOAT: "number",
    LeafType.BOOL: "boolean",
    LeafType.STRING: "string",
    LeafType.ORDERED_INT: "integer",
    LeafType.LIST: "array",
    LeafType.SUBSET_LIST: "array",
    LeafType.OPTIONAL_LIST: "array",
    LeafType.MAPPING: "object",
}


def coerce(leaf: Leaf, value: Any) -> Any:
    """The value in the leaf's own type where nothing is lost: ``1`` becomes ``1.0`` for a float."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if leaf.is_loose or not is_number:
        return list(value) if isinstance(value, tuple) else value
    if leaf.type is LeafType.FLOAT:
        return float(value)
    if leaf.type in (LeafType.INT, LeafType.ORDERED_INT) and float(value).is_integer():
        return int(value)
    return value


def find_faults(
    spec: Mapping[str, Any], schema: ActionSchema, names: Container[str], where: Callable[[str], str]
) -> list[Fault]:
    """What a trainer would refuse in a spec; a value equal to the schema's own default always passes.

    Args:
        spec: nested spec.
        schema: what is allowed.
        names: leaves to look at: those that somebody set. What depends on them is looked at too.
        where: dotted name to ``file:key``, for messages.
    """
    return [
        Fault(message, where(leaf.name), hint)
        for leaf in schema.leaves.values()
        if (leaf.name in names or any(name in names for name in leaf.depends_on))
        and (value := get_path(spec, leaf.name, _ABSENT)) is not _ABSENT
        and not _is_default(schema, leaf, value)
        for message, hint in _complaints(spec, leaf, value)
    ]


def find_unset(spec: Mapping[str, Any], schema: ActionSchema, foreign: Container[str]) -> Iterator[str]:
    """Required keys that a spec leaves empty, in the groups that it has.

    Args:
        spec: nested spec.
        schema: says what is required.
        foreign: top-level keys that belong to other actions.
    """
    for name in schema.required:
        group = name.rpartition(".")[0]
        has_group = isinstance(get_path(spec, group) if group else spec, Mapping)
        if has_group and name.partition(".")[0] not in foreign and get_path(spec, name) in (None, ""):
            yield name


def _is_default(schema: ActionSchema, leaf: Leaf, value: Any) -> bool:
    """Authors give sentinels such as -1 as defaults outside the bounds; relations count all the same."""
    if leaf.depends_on or (value is None and leaf.name in schema.required):
        return False
    defaults = [get_path(schema.default, leaf.name, _ABSENT)] + ([leaf.default] if leaf.has_default else [])
    return any(
        value == default and isinstance(value, bool) == isinstance(default, bool) for default in defaults
    )


def _complaints(spec: Mapping[str, Any], leaf: Leaf, value: Any) -> Iterator[tuple[str, str]]:
    found = [_describe(error, leaf) for error in _validator(leaf).iter_errors(value)]
    if not found and isinstance(value, float) and not math.isfinite(value):
        found = [(f"{value} is not finite", "write a number")]
    yield from found
    if not found and leaf.type.is_number and isinstance(value, int | float):
        yield from _broken_conditions(spec, leaf, value)


def _broken_conditions(spec: Mapping[str, Any], leaf: Leaf, value: float) -> Iterator[tuple[str, str]]:
    others = {name: other for name in leaf.depends_on if is_number(other := get_path(spec, name))}
    for clause in leaf.math_cond:
        is_part_of_other = clause.operator == "/" and leaf.depends_on
        if clause.operand is not None and not is_part_of_other and not clause.allows(value):
            yield f"{value!r} breaks {clause}", _condition_hint(clause.operator, clause.operand)
        for name, other in others.items() if clause.operand is None else ():
            if not clause.allows(value, other):
                must = f"must be {clause.operator} {name}, which is {other!r}"
                yield f"{value!r} {must}", "change one of the two"


def _condition_hint(operator: str, operand: float) -> str:
    words = {
        "/": f"a multiple of {operand:g}",
        "^": f"a power of {operand:g}",
        "!=": f"anything but {operand:g}",
    }
    return f"give {words.get(operator, f'a value {operator} {operand:g}')}"


@functools.lru_cache(maxsize=8192)
def _validator(leaf: Leaf) -> Any:
    return Draft202012Validator(_json_schema(leaf))


def _json_schema(leaf: Leaf) -> dict[str, Any]:
    """The leaf in JSON Schema (draft 2020-12)."""
    rules: dict[str, Any] = {}
    kind = _JSON_TYPES.get(leaf.type)
    if kind and not leaf.is_loose:
        rules["type"] = [kind, "null"] if leaf.nullable else kind
    if leaf.type.is_list:
        rules.update(_element_rules(leaf))
    elif leaf.enum and not leaf.is_loose:
        rules["enum"] = [*leaf.enum, None] if leaf.nullable else list(leaf.enum)
    if leaf.pattern:
        rules["pattern"] = leaf.pattern
    if not isinstance(leaf.minimum, tuple) and math.isfinite(leaf.minimum):
        rules["minimum"] = leaf.minimum
    if not isinstance(leaf.maximum, tuple) and math.isfinite(leaf.maximum):
        rules["maximum"] = leaf.maximum
    return rules


def _element_rules(leaf: Leaf) -> dict[str, Any]:
    """Allowed elements of a list, and bounds by position."""
    rules: dict[str, Any] = {"items": {"enum": list(leaf.enum)}} if leaf.enum else {}
    if isinstance(leaf.minimum, tuple) and isinstance(leaf.maximum, tuple):
        bounds = zip(leaf.minimum, leaf.maximum, strict=False)
        rules["prefixItems"] = [{"minimum": low, "maximum": high} for low, high in bounds]
    return rules


def _describe(error: ValidationError, leaf: Leaf) -> tuple[str, str]:
    """What was found and what is allowed, in words of the dialect."""
    place = "".join(f"[{index}]" for index in error.absolute_path)
    rule: Any = error.validator_value
    found = f"{place + ': ' if place else ''}{error.instance!r}"
    match error.validator:
        case "type":
            return (
                f"{found} is not of type {leaf.type}",
                f"give {_TYPE_WORDS.get(leaf.type, 'another value')}",
            )
        case "minimum":
            return f"{found} is below the minimum {rule}", _range_hint(leaf)
        case "maximum":
            return f"{found} is above the maximum {rule}", _range_hint(leaf)
        case "pattern":
            return f"{found} does not match {rule}", "give text of that form"
        case _:
            return f"{found} is not allowed", f"one of {', '.join(map(str, rule))}"


def _range_hint(leaf: Leaf) -> str:
    return f"allowed is {leaf.minimum} to {leaf.maximum}"


_TYPE_WORDS: Mapping[LeafType, str] = {
    LeafType.INT: "a whole number",
    LeafType.ORDERED_INT: "a whole number",
    LeafType.FLOAT: "a number",
    LeafType.BOOL: "true or false",
    LeafType.STRING: "text",
    LeafType.LIST: "a list such as [1, 2]",
    LeafType.SUBSET_LIST: "a list such as [a, b]",
    LeafType.OPTIONAL_LIST: "a list such as [a, b]",
    LeafType.MAPPING: "names with values",
}
