"""What files and flags say about each parameter, joined and held against the schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from automl.errors import Fault
from automl.schema.leaves import ActionSchema, Leaf, LeafType
from automl.schema.names import suggest
from automl.schema.space_checks import find_field_faults
from automl.schema.space_files import Directive, SpaceRequest
from automl.types import Spec

__all__ = ["Wish", "Wishes", "join_wishes"]

_OF_CHOICES = ("when",)
_OF_RANGES = ("low", "high", "log", "when", "auxiliary", "default")


@dataclass(frozen=True)
class Wish:
    """All directives for one parameter as one.

    Attributes:
        fields: as in `Directive`; later ones win.
        source: who spoke last, for people.
        where: ``file:key`` for messages.
    """

    fields: Mapping[str, Any]
    source: str
    where: str


@dataclass
class Wishes:
    """What is wished, in order of appearance.

    Attributes:
        leaves: of the schema, and those that files made up to feed ties.
        faults: names and values that cannot be.
    """

    leaves: dict[str, Leaf]
    by_name: dict[str, Wish] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def join_wishes(schema: ActionSchema, spec: Spec, request: SpaceRequest) -> Wishes:
    """Join directives by parameter and find all faults of names and values in them."""
    return _Joiner(schema, spec, request).join()


class _Joiner:
    def __init__(self, schema: ActionSchema, spec: Spec, request: SpaceRequest) -> None:
        self.schema, self.spec, self.request = schema, spec, request
        self.wishes = Wishes(dict(schema.leaves))

    def join(self) -> Wishes:
        for directive in self.request.directives:
            if directive.fields.get("auxiliary"):
                self.add_auxiliary(directive)
        for directive in self.request.directives:
            self.add(directive)
        for name, source in self.request.drops.items():
            self.find_leaf(name, f"{source}:{name}")
        for name, source in self.request.allow_disabled.items():
            self.find_leaf(name, f"{source}:{name}")
        return self.wishes

    def add_auxiliary(self, directive: Directive) -> None:
        name, default = directive.name, directive.fields.get("default")
        if name in self.schema.leaves:
            self.fault("is a key of the spec, so it cannot be auxiliary", directive.where, "rename it")
        elif default is None:
            hint = "say with which value the search starts"
            self.fault("is auxiliary and has no default", f"{directive.where}.default", hint)
        self.wishes.leaves.setdefault(name, Leaf(name, LeafType.FLOAT, default=default))

    def add(self, directive: Directive) -> None:
        name, by_name = directive.name, self.wishes.by_name
        leaf = self.find_leaf(name, directive.where)
        if leaf is None or not self.may_search(leaf, directive):
            return
        self.wishes.faults += find_field_faults(leaf, directive, self.schema, self.spec)
        if "default" in directive.fields and name in self.schema.leaves:
            self.fault("the default is what the spec says", f"{directive.where}.default", "change the spec")
        before = by_name.get(name)
        fields = _join(before.fields if before else {}, directive.fields)
        source = directive.source if directive.fields or before is None else before.source
        by_name[name] = Wish(fields, source, directive.where)

    def find_leaf(self, name: str, where: str) -> Leaf | None:
        leaf = self.wishes.leaves.get(name)
        if leaf is None:
            is_group = name in self.schema.collections
            what = "is a group of parameters" if is_group else "is not a parameter of the schema"
            self.fault(what, where, suggest(name, self.wishes.leaves) or f"see {self.schema.path}")
        return leaf

    def may_search(self, leaf: Leaf, directive: Directive) -> bool:
        if leaf.name in self.request.managed:
            self.fault(f"is set by {self.request.managed[leaf.name]}", directive.where, "leave it out")
            return False
        ban = self.schema.reason_of_ban(leaf) if leaf.name in self.schema.leaves else None
        if ban and leaf.name not in self.request.allow_disabled:
            hint = f"search it all the same with --allow-disabled {leaf.name}"
            self.fault(f"is {ban}", directive.where, hint)
            return False
        return True

    def fault(self, message: str, where: str, hint: str) -> None:
        self.wishes.faults.append(Fault(message, where, hint))


def _join(before: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """Later fields over earlier ones; a range, choices and a tie replace one another."""
    kept: tuple[str, ...] | None = None
    if "tie" in said:
        kept = ()
    elif "choices" in said:
        kept = (*_OF_CHOICES, "auxiliary", "default")
    elif "low" in said or "high" in said:
        kept = _OF_RANGES
    return {**{key: value for key, value in before.items() if kept is None or key in kept}, **said}
