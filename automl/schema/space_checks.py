"""Holds what files and flags say about a parameter against its leaf: narrowing stays inside the schema."""

from __future__ import annotations

from collections.abc import Iterator

from automl.errors import Fault
from automl.schema.leaves import ActionSchema, Leaf
from automl.schema.paths import with_path
from automl.schema.space_files import Directive
from automl.schema.validation import coerce, find_faults
from automl.types import Spec

__all__ = ["find_field_faults"]


def find_field_faults(leaf: Leaf, directive: Directive, schema: ActionSchema, spec: Spec) -> Iterator[Fault]:
    """What is wrong with the values that one file or flag gives for a parameter."""
    fields = directive.fields
    if "tie" in fields and (others := sorted(set(fields) - {"tie"})):
        yield Fault(f"is tied, so it has no {others[0]}", directive.where, "give a tie or a range")
        return
    ranged = [key for key in ("low", "high", "log", "step") if key in fields]
    if ranged and (not leaf.type.is_number or leaf.enum):
        yield Fault(f"a {leaf.type} has no {ranged[0]}", directive.where, "give choices")
        return
    low, high = fields.get("low"), fields.get("high")
    for key, value in (("low", low), ("high", high)):
        if value is not None:
            yield from _bound_faults(leaf, key, value, directive.where)
    if low is not None and high is not None and low >= high:
        yield Fault(f"low {low:g} is not below high {high:g}", directive.where, "to fix a value use --set")
    if fields.get("log") and low is not None and low <= 0:
        yield Fault(
            f"a logarithmic scale cannot start at {low:g}", f"{directive.where}.low", "start above zero"
        )
    yield from _choice_faults(leaf, directive, schema, spec)


def _bound_faults(leaf: Leaf, key: str, value: float, where: str) -> Iterator[Fault]:
    assert not isinstance(leaf.minimum, tuple)
    assert not isinstance(leaf.maximum, tuple)
    allowed = f"allowed is {leaf.minimum:g} to {leaf.maximum:g}"
    if value < leaf.minimum:
        yield Fault(
            f"{key} {value:g} is below the schema's minimum {leaf.minimum:g}", f"{where}.{key}", allowed
        )
    if value > leaf.maximum:
        yield Fault(
            f"{key} {value:g} is above the schema's maximum {leaf.maximum:g}", f"{where}.{key}", allowed
        )
    if leaf.type == "int" and not float(value).is_integer():
        yield Fault(f"{key} {value:g} is not a whole number", f"{where}.{key}", "an int takes whole numbers")


def _choice_faults(leaf: Leaf, directive: Directive, schema: ActionSchema, spec: Spec) -> Iterator[Fault]:
    choices, weights = directive.fields.get("choices", ()), directive.fields.get("weights")
    for choice in choices:
        trial = with_path(spec, leaf.name, coerce(leaf, choice))
        yield from find_faults(trial, schema, {leaf.name}, lambda _: f"{directive.where}.choices")
    if weights is not None and (
        len(weights) != len(choices)
        or not all(isinstance(weight, int | float) and weight >= 0 for weight in weights)
        or not sum(weights) > 0
    ):
        yield Fault(
            f"weights {weights} do not fit {len(choices)} choices", f"{directive.where}.weights", "one each"
        )
