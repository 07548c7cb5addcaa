"""Arithmetic over parameter names, for ties such as ``base_lr * dataset.train_dataset.batch_size / 32``.

Numbers, names, ``+ - * / **``, brackets, ``sqrt``, ``min`` and ``max``; anything else is refused when the
text is read. Expressions are computed in intervals: those of single numbers give the value, those of whole
ranges prove between which bounds it always lies.
"""

from __future__ import annotations

import ast
import functools
import itertools
import math
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

__all__ = ["Expression", "ExpressionError", "Interval", "is_number", "parse_expression"]

Interval = tuple[float, float]
"""Least and greatest value."""
_MAX_LENGTH = 500


def is_number(value: Any) -> TypeGuard[float]:
    """Whether formulas can compute with a value of a spec: true and false are none, nor is infinity."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


class ExpressionError(ValueError):
    """A text that is no expression, or an expression without a value; the text is the reason."""


@dataclass(frozen=True)
class Expression:
    """A formula that was read.

    Attributes:
        text: as written.
        names: parameters it speaks of, in order of appearance.
    """

    text: str
    names: tuple[str, ...]
    _tree: ast.expr

    def value(self, values: Mapping[str, float]) -> float:
        """The value for these parameters.

        Raises:
            ExpressionError: it has none, such as after a division by zero.
        """
        return self.bounds({name: (values[name], values[name]) for name in self.names})[0]

    def bounds(self, ranges: Mapping[str, Interval]) -> Interval:
        """Bounds that hold for all parameters in these ranges; exact when each name stands once.

        Raises:
            ExpressionError: some parameters in the ranges give no value.
        """
        try:
            return _interval(self._tree, ranges)
        except (OverflowError, ZeroDivisionError) as cause:
            raise ExpressionError("grows beyond all numbers") from cause


@functools.lru_cache(maxsize=256)
def parse_expression(text: str) -> Expression:
    """Read a formula.

    Raises:
        ExpressionError: the text is not arithmetic over names and numbers.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body if len(text) <= _MAX_LENGTH else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        tree = None
    if tree is None:
        raise ExpressionError("is no arithmetic over names and numbers")
    return Expression(text.strip(), tuple(dict.fromkeys(_names(tree))), tree)


def _names(node: ast.expr) -> Iterator[str]:
    """All names; the only place that decides what may stand in a formula."""
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return
        case ast.Name() | ast.Attribute() | ast.Subscript():
            yield _dotted(node)
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=inner):
            yield from _names(inner)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
            yield from _names(left)
            yield from _names(right)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS and args:
            if name == "sqrt" and len(args) != 1:
                raise ExpressionError("takes the root of more than one number")
            for argument in args:
                yield from _names(argument)
        case _:
            raise ExpressionError(f"{ast.unparse(node)!r} is not allowed in it")


def _dotted(node: ast.expr) -> str:
    """``a.b[0].c`` as it stands in a spec."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=inner, attr=name):
            return f"{_dotted(inner)}.{name}"
        case ast.Subscript(value=inner, slice=ast.Constant(value=int() as index)):
            return f"{_dotted(inner)}[{index}]"
        case _:
            raise ExpressionError(f"{ast.unparse(node)!r} is no name of a parameter")


def _interval(node: ast.expr, ranges: Mapping[str, Interval]) -> Interval:
    match node:
        case ast.Constant(value=int() | float() as value):
            return float(value), float(value)
        case ast.UnaryOp(op=sign, operand=inner):
            low, high = _interval(inner, ranges)
            return (-high, -low) if isinstance(sign, ast.USub) else (low, high)
        case ast.BinOp(left=left, op=sign, right=right):
            return _combined(_OPERATORS[type(sign)], _interval(left, ranges), _interval(right, ranges))
        case ast.Call(func=ast.Name(id=name), args=args):
            inner_bounds = [_interval(argument, ranges) for argument in args]
            lows, highs = zip(*inner_bounds, strict=True)
            return _FUNCTIONS[name](lows), _FUNCTIONS[name](highs)
        case _:
            return ranges[_dotted(node)]


def _combined(combine: Callable[[float, float], float], left: Interval, right: Interval) -> Interval:
    """Each operator is monotonic in each operand where it is defined, so corners bound it."""
    if combine is operator.truediv and right[0] <= 0 <= right[1]:
        raise ExpressionError("divides by zero")
    if combine is operator.pow and (left[0] < 0 or (left[0] == 0 and right[0] <= 0)):
        raise ExpressionError("raises a number below zero to a power")
    corners = [combine(a, b) for a, b in itertools.product(left, right)]
    return min(corners), max(corners)


def _root(numbers: tuple[float, ...]) -> float:
    if numbers[0] < 0:
        raise ExpressionError("takes the root of a number below zero")
    return math.sqrt(numbers[0])


_OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_FUNCTIONS: Mapping[str, Callable[[tuple[float, ...]], float]] = {"sqrt": _root, "min": min, "max": max}
