"""From a schema leaf to the dimensions it spans, so that every value fulfils the leaf's ``math_cond``."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from automl.schema.conditions import Clause
from automl.schema.drafts import Draft, freeze
from automl.schema.leaves import Leaf, LeafType

__all__ = ["NotSearchableError", "draft_of_leaf"]

_MAX_SUBSET_OPTIONS = 6


class NotSearchableError(Exception):
    """A leaf that cannot become a dimension; the text is the reason."""


def draft_of_leaf(leaf: Leaf, default: Any, fields: Mapping[str, Any]) -> tuple[Draft, ...]:
    """The dimensions of a leaf after what files and flags said: one, or one for each element of a list.

    Args:
        leaf: the schema's leaf.
        default: its value in the default spec.
        fields: low, high, log, step, choices, weights as said; already checked against the leaf.

    Raises:
        NotSearchableError: the leaf has neither choices nor a size.
    """
    draft = Draft(leaf.name, leaf, default)
    if "choices" in fields:
        weights = tuple(fields["weights"]) if "weights" in fields else None
        return (replace(draft, choices=tuple(freeze(c) for c in fields["choices"]), weights=weights),)
    if leaf.type is LeafType.BOOL:
        return (replace(draft, choices=(False, True)),)
    if leaf.type.is_list:
        return _drafts_of_list(draft)
    if leaf.enum and not leaf.is_loose:
        return (_draft_of_enum(draft),)
    if leaf.type.is_number:
        return (_draft_of_number(draft, fields),)
    raise NotSearchableError(f"a {leaf.type} without choices: give some with --param {leaf.name}=a,b")


def _draft_of_enum(draft: Draft) -> Draft:
    leaf = draft.leaf
    weights = leaf.option_weights or (1.0,) * len(leaf.enum)
    fine = [
        (option, weight)
        for option, weight in zip(leaf.enum, weights, strict=True)
        if all(
            c.allows(option)
            for c in leaf.math_cond
            if c.operand is not None and isinstance(option, int | float)
        )
    ]
    if len(fine) < 2:
        raise NotSearchableError("its enum leaves nothing to choose")
    kept = tuple(weight for _, weight in fine)
    return replace(
        draft,
        choices=tuple(freeze(option) for option, _ in fine),
        weights=kept if leaf.option_weights and sum(kept) > 0 else None,
    )


def _drafts_of_list(draft: Draft) -> tuple[Draft, ...]:
    leaf, default = draft.leaf, draft.default
    if leaf.type is LeafType.OPTIONAL_LIST and leaf.enum:
        return (replace(draft, choices=((), freeze(leaf.enum))),)
    if leaf.type is LeafType.SUBSET_LIST and leaf.enum:
        return (_draft_of_subsets(draft),)
    if isinstance(leaf.minimum, tuple) and isinstance(leaf.maximum, tuple) and isinstance(default, Sequence):
        return tuple(
            _draft_of_element(draft, i)
            for i in range(min(len(default), len(leaf.minimum), len(leaf.maximum)))
        )
    raise NotSearchableError(
        f"a list without element bounds: give choices with --param '{leaf.name}=[..],[..]'"
    )


def _draft_of_subsets(draft: Draft) -> Draft:
    """All subsets where they are few; else the default, each option alone, all but one, and all."""
    options, default = draft.leaf.enum, freeze(draft.default or ())
    every = len(options)
    if every <= _MAX_SUBSET_OPTIONS:
        sizes: Sequence[int] = range(1 if default else 0, every + 1)
    else:
        sizes = (1, every - 1, every)
        draft = draft.with_note("of its subsets the default, single options, all but one, and all")
    subsets = itertools.chain.from_iterable(itertools.combinations(options, size) for size in sizes)
    return replace(
        draft, choices=tuple(dict.fromkeys((default, *subsets) if every > _MAX_SUBSET_OPTIONS else subsets))
    )


def _draft_of_element(draft: Draft, index: int) -> Draft:
    leaf, name = draft.leaf, f"{draft.name}[{index}]"
    assert isinstance(leaf.minimum, tuple)
    assert isinstance(leaf.maximum, tuple)
    is_int = all(isinstance(item, int) for item in draft.default)
    element = replace(
        leaf,
        name=name,
        type=LeafType.INT if is_int else LeafType.FLOAT,
        minimum=leaf.minimum[index],
        maximum=leaf.maximum[index],
        default=draft.default[index],
    )
    return _draft_of_number(Draft(name, element, draft.default[index]), {})


def _draft_of_number(draft: Draft, fields: Mapping[str, Any]) -> Draft:
    leaf = draft.leaf
    if isinstance(leaf.minimum, tuple) or isinstance(leaf.maximum, tuple):
        raise NotSearchableError("a number with lists for bounds: mend the schema")
    low, high = fields.get("low", leaf.minimum), fields.get("high", leaf.maximum)
    if draft.is_int:
        low, high = (
            (math.ceil(low) if math.isfinite(low) else low),
            (math.floor(high) if math.isfinite(high) else high),
        )
    draft = replace(
        draft,
        low=low,
        high=high,
        log=fields.get("log", leaf.log),
        step=fields.get("step"),
        is_low_said="low" in fields,
    )
    for clause in leaf.math_cond:
        if clause.operand is not None:
            draft = _limited(draft, clause, clause.operand)
    return draft


def _limited(draft: Draft, clause: Clause, operand: float) -> Draft:
    """The part of an interval that fulfils a clause, by construction."""
    match clause.operator:
        case ">" | ">=":
            return draft.above(operand, strictly=clause.operator == ">")
        case "<" | "<=":
            return draft.below(operand, strictly=clause.operator == "<")
        case "!=" if draft.low <= operand <= draft.high:
            is_upper = not isinstance(draft.default, int | float) or draft.default >= operand
            side = draft.above(operand, strictly=True) if is_upper else draft.below(operand, strictly=True)
            return replace(side, excludes_zero=False).with_note(f"the default's side of {operand:g}")
        case "==":
            raise NotSearchableError(f"its math_cond leaves {operand:g} alone")
        case "/" if not draft.leaf.depends_on:  # with it: a part of another parameter, not a multiple
            return replace(
                draft, unit=operand, step=operand * max(1, math.ceil((draft.step or 0.0) / operand))
            )
        case "^":
            return replace(draft, base=operand)
        case _:
            return draft
