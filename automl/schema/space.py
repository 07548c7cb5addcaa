"""From schema to search space: which leaves vary, between which values, and why each other one does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from automl.errors import Fault, SpaceError
from automl.schema.closing import close_draft
from automl.schema.dimensions import NotSearchableError, draft_of_leaf
from automl.schema.drafts import Draft, freeze
from automl.schema.expressions import parse_expression
from automl.schema.leaves import ActionSchema, Leaf
from automl.schema.ordering import Ordering
from automl.schema.paths import get_path
from automl.schema.relations import part_related
from automl.schema.selection import Selection
from automl.schema.space_files import SpaceRequest
from automl.schema.ties import TieBuilder
from automl.space import Condition, Parameter, SearchSpace, Tie
from automl.types import Spec

__all__ = ["build_space"]


def build_space(schema: ActionSchema, spec: Spec, request: SpaceRequest) -> SearchSpace:
    """The closed search space of an action.

    Args:
        schema: which leaves there are, and which of them the authors put up for search.
        spec: the resolved default spec; defaults come from here.
        request: curated files and flags.

    Raises:
        SpaceError: all faults at once: unknown or disabled names, ranges outside the schema's, open
            intervals, contradictory conditions, ties that may leave the schema's bounds.
    """
    builder = _Builder(Selection(schema, spec, request), spec, around_default=request.close_around_default)
    parameters, ties = builder.build()
    selection = builder.selection
    if not parameters and not selection.faults:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in selection.reasons.items())
        hint = "name parameters with --param key=low:high or --space"
        message = f"leaves nothing to search{reasons and f' ({reasons})'}"
        selection.faults.append(Fault(message, str(schema.path), hint))
    if selection.faults:
        raise SpaceError(selection.faults)
    searched = {selection.owner(parameter.name) for parameter in parameters}
    tied = {tie.name: f"computed: {tie.expression} ({tie.source})" for tie in ties}
    return SearchSpace(tuple(parameters), tuple(selection.exclusions(searched, tied)), tuple(ties))


class _Builder:
    """Goes from names over drafts to parameters; each step tells the selection its faults and reasons."""

    def __init__(self, selection: Selection, spec: Spec, *, around_default: bool) -> None:
        self.selection, self.spec, self.around_default = selection, spec, around_default
        self.formulas: dict[str, str] = {}

    def build(self) -> tuple[list[Parameter], list[Tie]]:
        is_misread = bool(self.selection.faults)  # would only make more faults further on
        drafts = self.drafts()
        if is_misread:
            return [], []
        parted = part_related(drafts, self.spec).values()
        closed = [close_draft(d, self.selection, around_default=self.around_default) for d in parted]
        return ([], []) if self.selection.faults else self.finish([p for p in closed if p])

    def drafts(self) -> dict[str, Draft]:
        drafts: dict[str, Draft] = {}
        for name in self.selection.names():
            fields = self.selection.fields(name)
            if formula := fields.get("tie") or _computed(self.selection.leaves[name], fields):
                self.formulas[name] = formula
            else:
                drafts |= {draft.name: draft for draft in self.drafts_of(name, fields)}
        self.refuse_relations_to_ties(drafts)
        return drafts

    def drafts_of(self, name: str, fields: Mapping[str, Any]) -> Iterator[Draft]:
        selection, leaf = self.selection, self.selection.leaves[name]
        try:
            for draft in draft_of_leaf(leaf, get_path(self.spec, name, leaf.default), fields):
                yield replace(draft, source=selection.source(name), condition=_condition(fields))
        except NotSearchableError as cause:
            if self.around_default and not selection.is_asked_for(name):
                selection.reasons[name] = str(cause)
                return
            hint = f"or leave it out with --drop {name}"
            selection.faults.append(Fault(f"cannot be searched: {cause}", selection.where(name), hint))

    def refuse_relations_to_ties(self, drafts: Mapping[str, Draft]) -> None:
        for draft in drafts.values():
            parents = draft.condition.parents if draft.condition else ()
            for other in {*draft.leaf.depends_on, *parents} & set(self.formulas):
                hint = f"--drop {draft.name}, or search {other} itself"
                self.fault(draft.name, f"depends on {other}, which is tied", hint)

    def finish(self, parameters: Sequence[Parameter]) -> tuple[list[Parameter], list[Tie]]:
        """Parameters in order, and what is computed from them."""
        selection = self.selection
        ordering = Ordering(selection.leaves, self.spec, owner=selection.owner, where=selection.where)
        ordering.place(parameters)
        selection.reasons |= ordering.reasons
        ties = list(self.ties(ordering.placed))
        selection.faults += ordering.faults
        if not selection.faults:
            self.refuse_idle(ordering.placed, ties)
        return ordering.placed, ties

    def ties(self, parameters: Sequence[Parameter]) -> Iterator[Tie]:
        selection = self.selection
        builder = TieBuilder({p.name: p for p in parameters}, selection.leaves, self.spec, self.formulas)
        for name, text in self.formulas.items():
            source, where = selection.source(name), selection.where(name)
            tie = builder.make(selection.leaves[name], text, source=source, where=where)
            if tie and tie.low == tie.high:
                selection.reasons[name] = f"is computed as {text}, of which nothing is searched"
            elif tie:
                yield tie
        selection.faults += builder.faults

    def refuse_idle(self, parameters: Sequence[Parameter], ties: Sequence[Tie]) -> None:
        """A dimension that is no key of the spec has to feed a tie or decide a condition."""
        used = {name for tie in ties for name in parse_expression(tie.expression).names}
        used |= {name for p in parameters if p.condition for name in p.condition.parents}
        for parameter in parameters:
            if parameter.auxiliary and parameter.name not in used:
                self.fault(parameter.name, "feeds no tie", "tie a key of the spec to it")

    def fault(self, name: str, message: str, hint: str) -> None:
        self.selection.faults.append(Fault(message, self.selection.where(name), hint))


def _computed(leaf: Leaf, fields: Mapping[str, Any]) -> str | None:
    """``/ n`` of another parameter is no range but a formula; bounds that someone gives win over it."""
    if not leaf.depends_on or {"low", "high", "choices"} & set(fields):
        return None
    parts = [clause.operand for clause in leaf.math_cond if clause.operator == "/" and clause.operand]
    return f"{leaf.depends_on[0]} / {parts[0]:g}" if parts else None


def _condition(fields: Mapping[str, Any]) -> Condition | None:
    needs = {
        str(parent): tuple(map(freeze, values if isinstance(values, list) else [values]))
        for parent, values in fields.get("when", {}).items()
    }
    return Condition(needs) if needs else None
