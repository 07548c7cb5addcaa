"""From schema to search space: which leaves vary, between which values, and why each other one does not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from automl.errors import Fault, SpaceError
from automl.schema.dimensions import NotSearchableError, draft_of_leaf
from automl.schema.drafts import Draft, freeze
from automl.schema.expressions import parse_expression
from automl.schema.leaves import ActionSchema, Leaf
from automl.schema.ordering import Ordering
from automl.schema.paths import get_path
from automl.schema.reasons import OVERRIDDEN, find_absent, reason_of_absence, reason_of_exclusion
from automl.schema.relations import part_related
from automl.schema.space_files import SpaceRequest
from automl.schema.ties import TieBuilder
from automl.schema.wishes import join_wishes
from automl.space import Condition, Exclusion, Parameter, Prior, SearchSpace, Tie
from automl.types import Spec

__all__ = ["build_space"]

_HALF = 0.5


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
    return _Builder(schema, spec, request).build()


class _Builder:
    """Goes from wishes over drafts to parameters; each step collects its faults and reasons."""

    def __init__(self, schema: ActionSchema, spec: Spec, request: SpaceRequest) -> None:
        self.schema, self.spec, self.request = schema, spec, request
        joined = join_wishes(schema, spec, request)
        self.leaves, self.wishes, self.faults = joined.leaves, joined.by_name, joined.faults
        self.reasons: dict[str, str] = {}
        self.formulas: dict[str, str] = {}

    def build(self) -> SearchSpace:
        is_misread = bool(self.faults)  # what was said wrongly would only make more faults further on
        drafts = self.drafts()
        closed = [] if is_misread else self.closed(part_related(drafts, self.spec))
        parameters, ties = ([], []) if self.faults else self.finish(closed)
        if not parameters and not self.faults:
            self.faults.append(self.emptiness())
        if self.faults:
            raise SpaceError(self.faults)
        return SearchSpace(tuple(parameters), tuple(self.exclusions(parameters, ties)), tuple(ties))

    def chosen(self) -> Iterator[str]:
        """Names to search, in the order of the schema's list, then of files and flags."""
        request, listed = self.request, [] if self.request.only else list(self.schema.automl_default)
        for name in dict.fromkeys([*listed, *self.wishes]):
            absent = find_absent(self.spec, name) if name in self.schema.leaves else None
            if name in request.drops:
                self.reasons[name] = f"dropped by {request.drops[name]}"
            elif name in request.managed:
                self.reasons[name] = f"set by {request.managed[name]}"
            elif name not in request.allow_disabled and (ban := self.ban(name)):
                self.reasons[name] = ban
            elif name not in self.wishes and name.partition(".")[0] in request.foreign:
                self.reasons[name] = f"belongs to the action {name.partition('.')[0]}"
            elif absent is not None:
                self.leave_out_absent(name, absent)
            else:
                yield name

    def leave_out_absent(self, name: str, absent: str) -> None:
        reason = reason_of_absence(name, absent)
        if name in self.wishes:
            hint = f"put {absent} into the spec with --spec or --set, or --drop {name}"
            self.faults.append(Fault(reason, self.wishes[name].where, hint))
        self.reasons[name] = reason

    def drafts(self) -> dict[str, Draft]:
        drafts: dict[str, Draft] = {}
        for name in self.chosen():
            leaf, wish = self.leaves[name], self.wishes.get(name)
            fields = wish.fields if wish else {}
            if formula := fields.get("tie") or _computed(leaf, fields):
                self.formulas[name] = formula
                continue
            try:
                made = draft_of_leaf(leaf, get_path(self.spec, name, leaf.default), fields)
            except NotSearchableError as cause:
                self.unsearchable(name, str(cause))
                continue
            for draft in made:
                drafts[draft.name] = replace(draft, source=self.source(name), condition=_condition(fields))
        self.refuse_relations_to_ties(drafts)
        return drafts

    def refuse_relations_to_ties(self, drafts: Mapping[str, Draft]) -> None:
        for draft in drafts.values():
            parents = draft.condition.parents if draft.condition else ()
            for other in {*draft.leaf.depends_on, *parents} & set(self.formulas):
                hint = f"--drop {draft.name}, or search {other} itself"
                self.faults.append(Fault(f"depends on {other}, which is tied", self.where(draft.name), hint))

    def source(self, name: str) -> str:
        source = self.wishes[name].source if name in self.wishes else "schema"
        if name not in self.schema.leaves:
            source += "; no key of the spec, feeds ties"
        if name in self.request.allow_disabled and self.ban(name):
            source += f"; {OVERRIDDEN} {self.request.allow_disabled[name]}"
        return source

    def ban(self, name: str) -> str | None:
        """Why the schema disables a name, None where it does not."""
        return self.schema.reason_of_ban(self.leaves[name]) if name in self.schema.leaves else None

    def where(self, name: str) -> str:
        return self.wishes[name].where if name in self.wishes else self.schema.where(name)

    def owner(self, name: str) -> str:
        """The leaf of a dimension: of an element its list, unless the element is a leaf itself."""
        return name if name in self.leaves else name.partition("[")[0]

    def unsearchable(self, name: str, reason: str) -> None:
        """What cannot be closed is refused; of the schema's own list ``around-default`` leaves it out."""
        if self.request.close_around_default and name not in self.wishes:
            self.reasons[name] = reason
        else:
            hint = f"or leave it out with --drop {name}"
            self.faults.append(Fault(f"cannot be searched: {reason}", self.where(name), hint))

    def closed(self, drafts: Mapping[str, Draft]) -> list[Parameter]:
        """All parameters, with finite bounds, on their grids, with their scales."""
        done = []
        for name, draft in drafts.items():
            closed = draft.closed_around_default() if self.request.close_around_default else draft
            key = self.owner(name)
            if closed.is_open:
                self.leave_open(closed, key)
                continue
            final = closed.on_grid().with_scale()
            if final.is_empty or (len(final.choices) < 2 and final.low >= final.high):
                bounds = f"{draft.low:g} to {draft.high:g}" if not final.choices else f"{final.choices}"
                hint = f"or leave it out with --drop {key}"
                self.faults.append(Fault(f"has nothing to choose: {bounds}", self.where(key), hint))
                continue
            prior, is_auxiliary = self.prior(final, key), key not in self.schema.leaves
            done.append(replace(final.finished(), prior=prior, auxiliary=is_auxiliary))
        return done

    def leave_open(self, draft: Draft, key: str) -> None:
        message = f"has no finite bounds: {draft.low:g} to {draft.high:g}"
        remedy = f"give --param {key}=LOW:HIGH, or --drop {key}"
        if not self.request.close_around_default:
            remedy = f"give --param {key}=LOW:HIGH, --drop {key}, or --open-bounds around-default"
        elif key in self.wishes:
            message += f", and its default {draft.default!r} gives no scale to close them by"
        else:
            bounds = f"{draft.low:g} to {draft.high:g}"
            self.reasons[key] = (
                f"no finite bounds ({bounds}), and the default {draft.default!r} gives no scale"
            )
            return
        self.faults.append(Fault(message, self.where(key), remedy))

    def prior(self, draft: Draft, key: str) -> Prior | None:
        said: Mapping[str, Any] | None = self.wishes[key].fields.get("prior") if key in self.wishes else None
        if said is None:
            return None
        prior = Prior(freeze(said["center"]), float(said.get("confidence", _HALF)))
        if not draft.finished().contains(prior.center):
            allowed = (
                f"allowed is {draft.low:g} to {draft.high:g}" if not draft.choices else f"{draft.choices}"
            )
            message = f"the prior's centre {prior.center!r} is no value of the parameter"
            self.faults.append(Fault(message, f"{self.where(key)}.prior", allowed))
        return prior

    def finish(self, parameters: list[Parameter]) -> tuple[list[Parameter], list[Tie]]:
        """Parameters in order, and what is computed from them."""
        ordering = Ordering(self.leaves, self.spec, owner=self.owner, where=self.where)
        ordering.place(parameters)
        self.reasons |= ordering.reasons
        builder = TieBuilder({p.name: p for p in ordering.placed}, self.leaves, self.spec, self.formulas)
        ties = []
        for name, text in self.formulas.items():
            tie = builder.make(self.leaves[name], text, source=self.source(name), where=self.where(name))
            if tie and tie.low == tie.high:
                self.reasons[name] = f"is computed as {text}, of which nothing is searched"
            elif tie:
                ties.append(tie)
        self.faults += ordering.faults + builder.faults
        if not self.faults:
            self.refuse_idle(ordering.placed, ties)
        return ordering.placed, ties

    def refuse_idle(self, parameters: list[Parameter], ties: list[Tie]) -> None:
        """A dimension that is no key of the spec has to feed a tie or decide a condition."""
        used = {name for tie in ties for name in parse_expression(tie.expression).names}
        used |= {name for p in parameters if p.condition for name in p.condition.parents}
        for parameter in parameters:
            if parameter.auxiliary and parameter.name not in used:
                hint = "tie a key of the spec to it"
                self.faults.append(Fault("feeds no tie", self.where(parameter.name), hint))

    def emptiness(self) -> Fault:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in self.reasons.items())
        why = f" ({reasons})" if reasons else ""
        hint = "name parameters with --param key=low:high or --space"
        return Fault(f"leaves nothing to search{why}", str(self.schema.path), hint)

    def exclusions(self, parameters: list[Parameter], ties: list[Tie]) -> Iterator[Exclusion]:
        """A reason for every leaf that is not searched, in the order of the schema."""
        searched = {self.owner(parameter.name) for parameter in parameters}
        tied = {tie.name: f"computed: {tie.expression} ({tie.source})" for tie in ties}
        for leaf in self.schema.leaves.values():
            if leaf.name not in searched:
                reason = self.reasons.get(leaf.name) or tied.get(leaf.name)
                yield Exclusion(leaf.name, reason or reason_of_exclusion(leaf, self.schema, self.request))


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
