"""``math_cond`` of the TAO dialect: ``> 0.0``, ``/ 8``, ``^ 2``, ``!= 0``, ``> depends_on``, or several.

A comparison bounds the value; ``/ n`` makes it a multiple of n or, with ``depends_on``, the n-th part of
that parameter; ``^ n`` makes it a power of n.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

__all__ = ["Clause", "parse_math_cond"]

_CLAUSE = re.compile(r"\s*(>=|<=|==|!=|>|<|/|\^)\s*(depends_on|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*")


@dataclass(frozen=True)
class Clause:
    """One operator with its operand; operand None stands for the value of the parameter it depends on."""

    operator: str
    operand: float | None

    def __str__(self) -> str:
        return f"{self.operator} {'depends_on' if self.operand is None else f'{self.operand:g}'}"

    def allows(self, value: float, other: float | None = None) -> bool:
        """Whether a value fulfils the clause; ``other`` stands in for ``depends_on``.

        A relation to a parameter that has no number yet is fulfilled.
        """
        operand = other if self.operand is None else self.operand
        return operand is None or (math.isfinite(value) and _TESTS[self.operator](value, operand))


def _is_multiple(value: float, unit: float) -> bool:
    return math.isclose(value / unit, round(value / unit), abs_tol=1e-9)


def _is_power(value: float, base: float) -> bool:
    return value > 0 and math.isclose(base ** round(math.log(value, base)), value)


_TESTS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    "/": _is_multiple,
    "^": _is_power,
}


def parse_math_cond(text: str) -> tuple[Clause, ...]:
    """The clauses of a condition, all of which must hold.

    Raises:
        ValueError: the text is not in the dialect.
    """
    clauses, end = [], 0
    while end < len(text):
        match = _CLAUSE.match(text, end)
        if match is None:
            raise ValueError(text)
        operand = None if match[2] == "depends_on" else float(match[2])
        if (match[1] == "/" and operand == 0) or (match[1] == "^" and (operand is None or operand <= 1)):
            raise ValueError(text)
        clauses.append(Clause(match[1], operand))
        end = match.end()
    return tuple(clauses)
