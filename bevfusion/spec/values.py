"""Turns plain YAML values into the typed values of a spec, or says why not."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from types import UnionType
from typing import Any, Union, get_args, get_origin

from bevfusion.spec.leaf import Leaf

__all__ = ["Mismatch", "convert"]


class Mismatch(Exception):  # noqa: N818 - a finding that becomes a Fault, never seen by a user
    """The value is not what the key takes; the text says what was found and what is allowed."""


def convert(value: Any, hint: Any, about: Leaf) -> Any:
    """A value of the type ``hint`` within the bounds and choices of ``about``.

    Whole floats are taken as integers and integers as floats; lists become tuples.

    Raises:
        Mismatch: wrong type, outside the bounds, not among the choices, or of the wrong length.
    """
    if get_origin(hint) is tuple:
        return _convert_list(value, hint, about)
    if isinstance(hint, UnionType) or get_origin(hint) is Union:
        kind = next(
            (option for option in get_args(hint) if _is_list(option) == isinstance(value, list)), hint
        )
        return convert(value, kind, about)
    if get_origin(hint) is Mapping:
        if not isinstance(value, Mapping):
            raise Mismatch(f"{value!r} is {_kind(value)}, expected a mapping")
        return dict(value)
    scalar = _convert_scalar(value, hint)
    _check(scalar, about)
    return scalar


def _describe_bounds(about: Leaf) -> str:
    """What a number may be, in words: ``between 1 and 64``."""
    if about.low is None:
        return f"at most {about.high:g}"
    if about.high is None:
        return f"at least {about.low:g}"
    return f"between {about.low:g} and {about.high:g}"


def _is_list(hint: Any) -> bool:
    return get_origin(hint) is tuple


def _convert_list(value: Any, hint: Any, about: Leaf) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise Mismatch(f"{value!r} is {_kind(value)}, expected a list")
    if about.length is not None and len(value) != about.length:
        raise Mismatch(f"{list(value)!r} has {len(value)} elements, expected {about.length}")
    element = get_args(hint)[0]
    inner = about if about.length is None else Leaf(about.doc, about.low, about.high, about.choices)
    return tuple(convert(item, element, inner) for item in value)


def _convert_scalar(value: Any, hint: Any) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        if abs(value) > sys.float_info.max:
            raise Mismatch(f"{str(value)[:20]}... has too many digits")
        value = float(value)
    if hint is int and isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not hint:
        advice = ", put it in quotes" if hint is str else ""
        raise Mismatch(f"{value!r} is {_kind(value)}, expected {_ARTICLE[hint]}{advice}")
    if hint is float and not math.isfinite(value):
        raise Mismatch(f"{value!r} is not a finite number")
    return value


def _check(value: Any, about: Leaf) -> None:
    if about.choices and value not in about.choices:
        raise Mismatch(f"{value!r} is not among the allowed {', '.join(map(repr, about.choices))}")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    below = is_number and about.low is not None and value < about.low
    above = is_number and about.high is not None and value > about.high
    if below or above:
        raise Mismatch(f"{value!r} is out of bounds, allowed is {_describe_bounds(about)}")


_ARTICLE = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    names = {bool: "a truth value", list: "a list", dict: "a mapping", str: "a text", float: "a number"}
    return names.get(type(value), "a whole number" if isinstance(value, int) else f"a {type(value).__name__}")
