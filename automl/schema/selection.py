"""Which leaves of a schema are searched, on whose word, and why each other one is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Any

from automl.errors import Fault
from automl.schema.leaves import ActionSchema, Leaf
from automl.schema.paths import get_path
from automl.schema.space_files import SpaceRequest
from automl.schema.wishes import join_wishes
from automl.space import Exclusion
from automl.types import Spec

__all__ = ["OVERRIDDEN", "Selection"]

OVERRIDDEN = "disabled by the schema, allowed by"
"""Stands in the source of a parameter that is searched against the schema's word."""
_ABSENT = object()


class Selection:
    """Decides for every leaf whether it is searched.

    Args:
        schema: which leaves there are, and which of them the authors put up for search.
        spec: what it leaves out is not searched.
        request: curated files and flags.

    Attributes:
        leaves: of the schema, and those that files and flags made up to feed ties.
        reasons: leaves that somebody put up for search and that are left out all the same.
        faults: what cannot be as it was asked for.
    """

    def __init__(self, schema: ActionSchema, spec: Spec, request: SpaceRequest) -> None:
        self._schema, self._spec, self._request = schema, spec, request
        joined = join_wishes(schema, spec, request)
        self._wishes = joined.by_name
        self.leaves, self.faults = joined.leaves, joined.faults
        self.reasons: dict[str, str] = {}

    def names(self) -> Iterator[str]:
        """Leaves to search, in the order of the schema's list, then of files and flags."""
        listed = () if self._request.only else self._schema.automl_default
        for name in dict.fromkeys([*listed, *self._wishes]):
            if reason := self._reason_against(name):
                self.reasons[name] = reason
            elif absent := self._absent_part(name):
                self._leave_out_absent(name, absent)
            else:
                yield name

    def fields(self, name: str) -> Mapping[str, Any]:
        """What files and flags say of a leaf."""
        return self._wishes[name].fields if name in self._wishes else {}

    def is_asked_for(self, name: str) -> bool:
        """Whether a file or flag names the leaf, not the schema alone."""
        return name in self._wishes

    def is_made_up(self, name: str) -> bool:
        """Whether a leaf is no key of the spec and only feeds ties."""
        return name not in self._schema.leaves

    def source(self, name: str) -> str:
        """Who put a leaf up for search, for people."""
        source = self._wishes[name].source if name in self._wishes else "schema"
        if self.is_made_up(name):
            source += "; no key of the spec, feeds ties"
        elif name in self._request.allow_disabled and self._schema.reason_of_ban(self.leaves[name]):
            source += f"; {OVERRIDDEN} {self._request.allow_disabled[name]}"
        return source

    def where(self, name: str) -> str:
        """``file:key`` of who put a leaf up for search, for messages."""
        return self._wishes[name].where if name in self._wishes else self._schema.where(name)

    def owner(self, name: str) -> str:
        """The leaf of a dimension: of an element its list, unless the element is a leaf itself."""
        return name if name in self.leaves else name.partition("[")[0]

    def exclusions(self, searched: Set[str], tied: Mapping[str, str]) -> Iterator[Exclusion]:
        """A reason for every leaf of the schema that is not searched, in its order.

        Args:
            searched: names of leaves.
            tied: leaf to how it is computed.
        """
        for leaf in self._schema.leaves.values():
            if leaf.name not in searched:
                reason = self.reasons.get(leaf.name) or tied.get(leaf.name)
                yield Exclusion(leaf.name, reason or self._reason_of_silence(leaf))

    def _reason_against(self, name: str) -> str | None:
        """Why a leaf that somebody put up is left out all the same."""
        if name in self._request.drops:
            return f"dropped by {self._request.drops[name]}"
        if self.is_made_up(name):
            return None
        is_allowed = name in self._request.allow_disabled
        return (
            self._set_by(name)
            or (None if is_allowed else self._schema.reason_of_ban(self.leaves[name]))
            or (None if self.is_asked_for(name) else self._foreign(name))
        )

    def _absent_part(self, name: str) -> str | None:
        """The outermost part of a name that the spec does not have, None when it has the whole of it."""
        if self.is_made_up(name) or get_path(self._spec, name, _ABSENT) is not _ABSENT:
            return None
        parts = name.split(".")
        prefixes = (".".join(parts[: i + 1]) for i in range(len(parts)))
        return next(prefix for prefix in prefixes if get_path(self._spec, prefix) is None)

    def _leave_out_absent(self, name: str, absent: str) -> None:
        """A block that the spec leaves out is not used by the trainer: a search in it changes nothing."""
        reason = "not in the spec" if name == absent else f"its block {absent} is not in the spec"
        if self.is_asked_for(name):
            hint = f"put {absent} into the spec with --spec or --set, or --drop {name}"
            self.faults.append(Fault(reason, self.where(name), hint))
        self.reasons[name] = reason

    def _reason_of_silence(self, leaf: Leaf) -> str:
        """Why nobody put a leaf up for search."""
        why = self._set_by(leaf.name) or self._foreign(leaf.name) or self._schema.reason_of_ban(leaf)
        if why is None and leaf.name in self._schema.automl_default:
            why = f"not named by {self._request.only} (only: true)"
        return why or "not in the schema's automl_default_parameters"

    def _set_by(self, name: str) -> str | None:
        managed = self._request.managed
        return f"set by {managed[name]}" if name in managed else None

    def _foreign(self, name: str) -> str | None:
        block = name.partition(".")[0]
        return f"belongs to the action {block}" if block in self._request.foreign else None
