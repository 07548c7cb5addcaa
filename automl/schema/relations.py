"""Parameters tied to others (``> depends_on``), made independent so that every sample fulfils the relation.

Where both sides are searched, their ranges are parted at a value between the two defaults; where the other
side is fixed, its value becomes a bound. Nothing has to be rejected later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from automl.schema.drafts import Draft
from automl.schema.expressions import is_number
from automl.schema.paths import get_path
from automl.types import Spec

__all__ = ["part_related"]


def part_related(drafts: Mapping[str, Draft], spec: Spec) -> dict[str, Draft]:
    """The same dimensions, narrowed so that all relations between them (and to the spec) hold."""
    parted = dict(drafts)
    for name, draft in drafts.items():
        for operator, other in _relations(draft):
            child = parted[name]
            if child.choices or not child.leaf.type.is_number:
                continue
            parent = parted.get(other)
            if parent is None or parent.choices:
                parted[name] = _beside_fixed(
                    child, operator, _fixed(parent, operator, get_path(spec, other)), other
                )
            else:
                parted[name], parted[other] = _parted(child, operator, parent)
    return parted


def _relations(draft: Draft) -> Iterator[tuple[str, str]]:
    operators = [clause.operator for clause in draft.leaf.math_cond if clause.operand is None]
    for other in draft.leaf.depends_on:
        for operator in operators:
            if operator in (">", ">=", "<", "<="):
                yield operator, other


def _fixed(parent: Draft | None, operator: str, value: Any) -> Any:
    """The value that every sample has to beat: of choices the worst one."""
    numbers = [choice for choice in parent.choices if is_number(choice)] if parent else []
    if not numbers:
        return value
    return max(numbers) if operator.startswith(">") else min(numbers)


def _beside_fixed(child: Draft, operator: str, value: Any, other: str) -> Draft:
    if not is_number(value):
        return child
    move = child.above if operator.startswith(">") else child.below
    return replace(move(value, strictly="=" not in operator), excludes_zero=False).with_note(
        f"{operator} {other}"
    )


def _parted(child: Draft, operator: str, parent: Draft) -> tuple[Draft, Draft]:
    """Both ranges cut at one value, so that the child lies on its side of it."""
    upper, lower = (child, parent) if operator.startswith(">") else (parent, child)
    if lower.high < upper.low:
        return child, parent
    cut = _between(lower, upper)
    lower = lower.below(cut, strictly=False).with_note(f"parted from {upper.name} at {cut:g}")
    upper = upper.above(cut, strictly="=" not in operator).with_note(f"parted from {lower.name} at {cut:g}")
    return (upper, lower) if operator.startswith(">") else (lower, upper)


def _between(lower: Draft, upper: Draft) -> float:
    """The middle of the two defaults, inside both ranges."""
    known = [d.default for d in (lower, upper) if is_number(d.default)]
    middle = sum(known) / len(known) if known else max(lower.low, upper.low)
    if lower.is_int and upper.is_int:
        middle = float(int(middle))
    return min(max(middle, lower.low), upper.high)
