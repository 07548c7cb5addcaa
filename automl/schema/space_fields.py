"""The fields that a space file may give a parameter: what each of them takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from automl.schema.expressions import is_number
from automl.schema.names import suggest

__all__ = ["FIELDS", "find_problem"]


def find_problem(key: str, value: Any) -> tuple[str, str] | None:
    """What is wrong with a field of a parameter, and the remedy; null always means "not said"."""
    if key not in _FIELDS:
        return "is not a field", suggest(str(key), FIELDS) or f"fields: {', '.join(FIELDS)}"
    fits, hint = _FIELDS[key]
    return None if value is None or fits(value) else (f"{value!r} does not fit", hint)


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_choice(value: Any) -> bool:
    return isinstance(value, list) and len(value) >= 2


def _is_prior(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and "center" in value
        and set(value) <= {"center", "confidence"}
        and is_number(confidence := value.get("confidence", 0.5))
        and 0 < confidence < 1
    )


_FIELDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "low": (is_number, "give a number"),
    "high": (is_number, "give a number"),
    "log": (_is_bool, "true or false"),
    "step": (lambda value: is_number(value) and value > 0, "give a positive number"),
    "choices": (_is_choice, "give a list of at least two values"),
    "weights": (lambda value: isinstance(value, list), "give one number a choice"),
    "when": (
        lambda value: isinstance(value, dict) and bool(value),
        "write parents with their values, {model.type: [a, b]}",
    ),
    "prior": (_is_prior, "write {center: VALUE, confidence: between 0 and 1}"),
    "tie": (
        lambda value: isinstance(value, str) and bool(value.strip()),
        "write a formula such as base_lr * batch_size / 32",
    ),
    "auxiliary": (_is_bool, "true or false"),
    "default": (is_number, "give a number"),
    "comment": (lambda _: True, ""),
}
FIELDS = tuple(_FIELDS)
"""Names of all fields."""
