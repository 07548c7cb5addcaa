"""A schema as typed leaves: what each key of a spec is, what it may be, and whether it may be searched."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from automl.schema.conditions import Clause

__all__ = ["ActionSchema", "Leaf", "LeafType"]


class LeafType(StrEnum):
    """What a leaf holds; every type name of the dialect maps to one of these."""

    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    STRING = "string"
    CATEGORICAL = "categorical"
    ORDERED_INT = "ordered_int"
    LIST = "list"
    SUBSET_LIST = "subset_list"
    OPTIONAL_LIST = "optional_list"
    MAPPING = "collection"
    ANY = "any"

    @property
    def is_number(self) -> bool:
        """Whether values are compared by size."""
        return self in (LeafType.INT, LeafType.FLOAT)

    @property
    def is_list(self) -> bool:
        """Whether values are lists."""
        return self in (LeafType.LIST, LeafType.SUBSET_LIST, LeafType.OPTIONAL_LIST)


@dataclass(frozen=True, eq=False)
class Leaf:
    """One key of a spec; compared by identity, as `ActionSchema` is.

    Attributes:
        name: dotted place.
        type: what it holds.
        default: what the schema says; `ActionSchema.default` rules where the two differ.
        has_default: whether the schema gives one (a default of null is one).
        minimum: least value, inclusive; ``-inf`` when open. Of a list: the tuple of its elements' bounds.
        maximum: greatest value, inclusive; ``inf`` when open. Of a list: the tuple of its elements' bounds.
        enum: allowed values, empty when any; of a list: allowed elements.
        option_weights: prior weight of each entry of ``enum``, empty when not given.
        pattern: regular expression that text must match, empty when any does.
        math_cond: clauses that must all hold; of a number that depends on another at least ``<=`` of it.
        depends_on: names of the parameters this one is tied to.
        automl_enabled: the leaf's own flag, None when it has none.
        nullable: whether null is allowed.
        is_loose: whether values of other types are allowed too (``anyOf``).
        log: scale hint, None when the schema gives none.
    """

    name: str
    type: LeafType
    default: Any = None
    has_default: bool = False
    minimum: float | tuple[float, ...] = -math.inf
    maximum: float | tuple[float, ...] = math.inf
    enum: tuple[Any, ...] = ()
    option_weights: tuple[float, ...] = ()
    pattern: str = ""
    math_cond: tuple[Clause, ...] = ()
    depends_on: tuple[str, ...] = ()
    automl_enabled: bool | None = None
    nullable: bool = False
    is_loose: bool = False
    log: bool | None = None


@dataclass(frozen=True, eq=False)
class ActionSchema:
    """The schema of one action; compared by identity, so that what is compiled from it can be kept.

    Attributes:
        path: file it was read from, for messages.
        leaves: dotted name to leaf, in the order of the file.
        collections: dotted names of groups of leaves; any other key inside them is unknown.
        automl_default: names the schema puts up for search, in order.
        automl_disabled: names (leaves or collections) it does not want searched.
        required: names (leaves or collections) that a spec has to give where it has the group around them.
        default: the complete default spec, empty when the schema has none.
    """

    path: Path
    leaves: Mapping[str, Leaf]
    collections: frozenset[str]
    automl_default: tuple[str, ...] = ()
    automl_disabled: frozenset[str] = frozenset()
    required: tuple[str, ...] = ()
    default: Mapping[str, Any] = field(default_factory=dict)

    def where(self, name: str) -> str:
        """``file:key`` for messages."""
        return f"{self.path}:{name}"

    def reason_of_ban(self, leaf: Leaf) -> str | None:
        """Why the authors do not want a leaf searched, None where they do not mind.

        What they put up for search themselves is not banned by the group around it.
        """
        if leaf.name in self.automl_disabled:
            return "disabled by the schema (automl_disabled_parameters)"
        if leaf.automl_enabled is False:
            return "disabled by the schema (automl_enabled: false)"
        parent = None if leaf.name in self.automl_default else self._disabled_parent(leaf.name)
        return f"inside {parent}, which the schema disables" if parent else None

    def _disabled_parent(self, name: str) -> str | None:
        """The innermost disabled collection around a leaf."""
        parts = name.split(".")
        parents = (".".join(parts[:i]) for i in range(len(parts) - 1, 0, -1))
        return next((parent for parent in parents if parent in self.automl_disabled), None)
