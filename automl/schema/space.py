"""From schema to search space: which leaves vary, between which values, and why each other one does not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from automl.errors import Fault, SpaceError
from automl.schema.dimensions import NotSearchableError, draft_of_leaf
from automl.schema.drafts import Draft
from automl.schema.leaves import ActionSchema, Leaf
from automl.schema.names import suggest
from automl.schema.paths import get_path
from automl.schema.relations import part_related
from automl.schema.space_checks import find_field_faults
from automl.schema.space_files import Directive, SpaceRequest
from automl.space import Condition, Exclusion, Parameter, SearchSpace
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
            intervals, contradictory conditions.
    """
    return _Builder(schema, spec, request).build()


@dataclass(frozen=True)
class _Wish:
    """All directives for one parameter, joined."""

    fields: Mapping[str, Any]
    source: str
    where: str


class _Builder:
    def __init__(self, schema: ActionSchema, spec: Spec, request: SpaceRequest) -> None:
        self.schema, self.spec, self.request = schema, spec, request
        self.faults: list[Fault] = []
        self.reasons: dict[str, str] = {}

    def build(self) -> SearchSpace:
        wishes = self.wishes()
        drafts = self.drafts(wishes)
        if not self.faults:
            drafts = self.closed(part_related(drafts, self.spec), wishes)
        parameters = (
            self.ordered([draft.finished() for draft in drafts.values()], wishes) if not self.faults else []
        )
        if not parameters and not self.faults:
            hint = "name parameters with --param key=low:high or --space"
            self.faults.append(Fault("leaves nothing to search", str(self.schema.path), hint))
        if self.faults:
            raise SpaceError(self.faults)
        return SearchSpace(tuple(parameters), tuple(self.exclusions({p.name for p in parameters})))

    def wishes(self) -> dict[str, _Wish]:
        """What files and flags say, joined by parameter; faults for names and values that cannot be."""
        joined: dict[str, _Wish] = {}
        for directive in self.request.directives:
            leaf = self.leaf(directive.name, directive.where)
            if leaf is None or not self.may_search(leaf, directive):
                continue
            self.faults += find_field_faults(leaf, directive, self.schema, self.spec)
            before = joined.get(directive.name)
            fields = _join(before.fields if before else {}, directive.fields)
            source = directive.source if directive.fields or before is None else before.source
            joined[directive.name] = _Wish(fields, source, directive.where)
        for name, source in self.request.drops.items():
            self.leaf(name, f"{source}:{name}")
        for name in self.request.allow_disabled:
            self.leaf(name, f"--allow-disabled:{name}")
        return joined

    def leaf(self, name: str, where: str) -> Leaf | None:
        leaf = self.schema.leaves.get(name)
        if leaf is None:
            what = (
                "is a group of parameters"
                if name in self.schema.collections
                else "is not a parameter of the schema"
            )
            self.faults.append(
                Fault(what, where, suggest(name, self.schema.leaves) or f"see {self.schema.path}")
            )
        return leaf

    def may_search(self, leaf: Leaf, directive: Directive) -> bool:
        if leaf.name in self.request.managed:
            self.faults.append(
                Fault(f"is set by {self.request.managed[leaf.name]}", directive.where, "leave it out")
            )
            return False
        disabled = leaf.name in self.schema.automl_disabled or leaf.automl_enabled is False
        if disabled and leaf.name not in self.request.allow_disabled:
            hint = f"search it all the same with --allow-disabled {leaf.name}"
            self.faults.append(Fault("is disabled by the schema", directive.where, hint))
            return False
        return True

    def chosen(self, wishes: Mapping[str, _Wish]) -> Iterator[str]:
        """Names to search, in the order of the schema's list, then of files and flags."""
        listed = [] if self.request.only else list(self.schema.automl_default)
        for name in dict.fromkeys([*listed, *wishes]):
            if name in self.request.drops:
                self.reasons[name] = f"dropped by {self.request.drops[name]}"
            elif name in self.request.managed:
                self.reasons[name] = f"set by {self.request.managed[name]}"
            elif name in self.schema.automl_disabled and name not in self.request.allow_disabled:
                self.reasons[name] = "disabled by the schema (automl_disabled_parameters)"
            else:
                yield name

    def drafts(self, wishes: Mapping[str, _Wish]) -> dict[str, Draft]:
        drafts: dict[str, Draft] = {}
        for name in self.chosen(wishes):
            leaf, wish = self.schema.leaves[name], wishes.get(name)
            default = get_path(self.spec, name, leaf.default)
            try:
                made = draft_of_leaf(leaf, default, wish.fields if wish else {})
            except NotSearchableError as cause:
                self.unsearchable(name, str(cause), wish)
                continue
            source = wish.source if wish else "schema"
            if name in self.request.allow_disabled:
                source += "; disabled by the schema, allowed by --allow-disabled"
            for draft in made:
                condition = self.condition(wish)
                drafts[draft.name] = replace(draft, source=source, condition=condition)
        return drafts

    def unsearchable(self, name: str, reason: str, wish: _Wish | None) -> None:
        """A listed leaf without bounds is refused like an open interval; ``around-default`` leaves it out."""
        if self.request.close_around_default and wish is None:
            self.reasons[name] = reason
        else:
            where = wish.where if wish else self.schema.where(name)
            self.faults.append(
                Fault(f"cannot be searched: {reason}", where, f"or leave it out with --drop {name}")
            )

    def condition(self, wish: _Wish | None) -> Condition | None:
        when = wish.fields.get("when") if wish else None
        if not when:
            return None
        parent, values = next(iter(when.items()))
        return Condition(str(parent), tuple(values) if isinstance(values, list) else (values,))

    def closed(self, drafts: Mapping[str, Draft], wishes: Mapping[str, _Wish]) -> dict[str, Draft]:
        """All drafts with finite bounds, on their grids, with their scales."""
        done: dict[str, Draft] = {}
        for name, draft in drafts.items():
            closed = draft.closed_around_default() if self.request.close_around_default else draft
            where = wishes[name].where if name in wishes else self.schema.where(name)
            if closed.is_open:
                self.faults.append(_open_fault(closed, where))
                continue
            final = closed.on_grid().with_scale()
            if final.is_empty or (len(final.choices) < 2 and final.low >= final.high):
                bounds = f"{draft.low:g} to {draft.high:g}" if not final.choices else f"{final.choices}"
                self.faults.append(
                    Fault(f"has nothing to choose: {bounds}", where, f"or leave it out with --drop {name}")
                )
                continue
            done[name] = final
        return done

    def ordered(self, parameters: Sequence[Parameter], wishes: Mapping[str, _Wish]) -> list[Parameter]:
        """Parents before children; conditions on fixed values are decided here."""
        waiting = {p.name: p for p in parameters}
        placed: list[Parameter] = []
        while waiting:
            ready = [p for p in waiting.values() if p.condition is None or p.condition.parent not in waiting]
            if not ready:
                names = ", ".join(waiting)
                first = wishes[next(iter(waiting))]
                self.faults.append(
                    Fault(f"conditions lead in a circle: {names}", f"{first.where}.when", "remove one")
                )
                return placed
            for parameter in ready:
                del waiting[parameter.name]
                placed += self.decided(parameter, {p.name: p for p in placed}, wishes)
        return placed

    def decided(
        self, parameter: Parameter, placed: Mapping[str, Parameter], wishes: Mapping[str, _Wish]
    ) -> list[Parameter]:
        condition = parameter.condition
        if condition is None:
            return [parameter]
        where = f"{wishes[parameter.name].where}.when"
        if condition.parent in placed:
            parent = placed[condition.parent]
            strange = [value for value in condition.values if not parent.contains(value)]
            if strange:
                hint = (
                    f"its choices are {', '.join(map(str, parent.choices))}"
                    if parent.choices
                    else "see its range"
                )
                self.faults.append(Fault(f"{parent.name} never is {strange[0]!r}", where, hint))
            return [parameter]
        if self.leaf(condition.parent, where) is None:
            return []
        value = get_path(self.spec, condition.parent)
        if value in condition.values:
            return [replace(parameter, condition=None)]
        wanted = " or ".join(map(str, condition.values))
        self.reasons[parameter.name] = f"only with {condition.parent} = {wanted}, which is {value}"
        return []

    def exclusions(self, searched: Iterable[str]) -> Iterator[Exclusion]:
        """A reason for every leaf that is not searched, in the order of the schema."""
        names = {name.partition("[")[0] for name in searched}
        for leaf in self.schema.leaves.values():
            if leaf.name not in names:
                yield Exclusion(leaf.name, self.reasons.get(leaf.name) or self.reason(leaf))

    def reason(self, leaf: Leaf) -> str:
        name, request = leaf.name, self.request
        parent = self.schema.disabled_parent(name)
        reasons = (
            (name in request.managed, f"set by {request.managed.get(name)}"),
            (name.partition(".")[0] in request.foreign, f"belongs to the action {name.partition('.')[0]}"),
            (name in self.schema.automl_disabled, "disabled by the schema (automl_disabled_parameters)"),
            (leaf.automl_enabled is False, "disabled by the schema (automl_enabled: false)"),
            (name in self.schema.automl_default, f"not named by {request.only} (only: true)"),
            (parent is not None, f"inside {parent}, which the schema disables"),
            (True, "not in the schema's automl_default_parameters"),
        )
        return next(reason for holds, reason in reasons if holds)


def _join(before: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """Later fields over earlier ones; a range replaces choices, choices replace a range."""
    if "choices" in said:
        before = {key: value for key, value in before.items() if key == "when"}
    elif "low" in said or "high" in said:
        before = {key: value for key, value in before.items() if key not in ("choices", "weights", "step")}
    return {**before, **said}


def _open_fault(draft: Draft, where: str) -> Fault:
    message = f"has no finite bounds: {draft.low:g} to {draft.high:g}"
    hint = f"give --param {draft.name}=LOW:HIGH, --drop {draft.name}, or --open-bounds around-default"
    return Fault(message, where, hint)
