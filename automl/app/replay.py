"""Retraces a study: derives every decision of its strategy again from what it knew at that moment.

The log holds events in the order in which the controller took them in, so a decision was conditioned on
exactly the events before it, however many trials ran side by side.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from automl.app.stored_plan import load_search
from automl.app.strategy import make_strategy
from automl.errors import StudyError
from automl.ports import Promotion, Proposal, Strategy
from automl.provenance import installed_versions
from automl.schema.documents import plain, read_json_mapping
from automl.study.duplicates import give_fresh_seed
from automl.study.events import Event, TrialEnded, TrialQueued, TrialSuggested, read_events
from automl.study.finals import next_repeat
from automl.study.state import StudyState
from automl.study.store import StudyFolder
from automl.study.telling import tell_strategy
from automl.types import Budget, Cause, Role, TrialId, TrialState

__all__ = ["Kind", "Match", "Step", "find_other_versions", "retrace"]


class Kind(StrEnum):
    """What was decided."""

    SUGGESTION = "suggestion"
    PROMOTION = "promotion"
    REPEAT = "repeat"


class Match(StrEnum):
    """What deriving it again gave."""

    EQUAL = "equal"
    DIFFERENT = "different"
    ADOPTED = "adopted"
    """It came from outside, such as from a language model; it is taken as it was."""
    NOT_DERIVED = "not derived"


@dataclass(frozen=True)
class Step:
    """One decision of a study.

    Attributes:
        trial: what it is about.
        kind: new trial, paused trial that goes on, or repeat of the finals.
        events: so many events came before it.
        ended: trials that were final by then.
        running: trials that had been begun and were not.
        recorded: the decision as the log has it.
        derived: the decision as it was derived again; None when it was not.
        match: how the two compare.
    """

    trial: TrialId
    kind: Kind
    events: int
    ended: int
    running: tuple[TrialId, ...]
    recorded: Any
    derived: Any = None
    match: Match = Match.NOT_DERIVED


def retrace(folder: StudyFolder, *, verify: bool) -> Iterator[Step]:
    """All decisions of a study in order; once one comes out otherwise, those after it are not derived.

    Args:
        folder: the study's.
        verify: whether to derive them again.

    Raises:
        StudyError: ``study.json`` or the events are missing or damaged.
    """
    sheet = folder.read_sheet()
    strategy = make_strategy(load_search(folder)) if verify else None
    state, begun = StudyState(sheet.metric), dict[TrialId, None]()
    for number, (at, event) in enumerate(read_events(folder.events)):
        if (step := _look(event, number, state, begun)) is not None:
            if strategy is not None:
                step = _derive(step, strategy, state, sheet.budget)
            yield step
            strategy = None if step.match is Match.DIFFERENT else strategy
        state.apply(event, at)
        if isinstance(event, TrialSuggested):
            begun[event.trial] = None
        elif isinstance(event, TrialEnded):
            begun.pop(event.trial, None)
        if strategy is not None:
            tell_strategy(strategy, event, state)


def _look(event: Event, number: int, state: StudyState, begun: Iterable[TrialId]) -> Step | None:
    """The decision behind an event that is about to happen; None when nobody decided it."""
    match event:
        case TrialSuggested():
            kind = Kind.REPEAT if event.role is Role.CONFIRM else Kind.SUGGESTION
            match_ = Match.ADOPTED if event.source else Match.NOT_DERIVED
            recorded = _shape(Proposal(event.params, event.origin, event.seed, event.role))
        case TrialQueued(failure=Cause.NONE) if _is_at_rung(event.trial, state):
            kind, match_, recorded = Kind.PROMOTION, Match.NOT_DERIVED, _shape(Promotion(event.trial))
        case _:
            return None
    running = tuple(begun)
    ended = len(state.records) - len(running)
    return Step(event.trial, kind, number, ended, running, recorded, match=match_)


def _is_at_rung(trial: TrialId, state: StudyState) -> bool:
    record = state.records[trial]
    return record.state is TrialState.PAUSED and record.cause is Cause.RUNG


def _derive(step: Step, strategy: Strategy, state: StudyState, budget: Budget) -> Step:
    """The step with what the strategy decides from the same past."""
    if step.match is Match.ADOPTED:
        return step
    decision: object
    if step.kind is Kind.REPEAT:
        decision = next_repeat(state.records.values(), state.metric, budget)
    else:
        decision = strategy.propose(step.trial, is_full=state.trials_begun >= budget.trials)
    if step.kind is Kind.SUGGESTION and isinstance(decision, Proposal):
        decision = give_fresh_seed(decision, state)
    derived = _shape(decision)
    return replace(step, derived=derived, match=Match.EQUAL if derived == step.recorded else Match.DIFFERENT)


def _shape(decision: object) -> Any:
    """A decision in JSON, as far as it decides anything."""
    match decision:
        case Proposal():
            origin = asdict(decision.origin) if decision.origin else None
            shape = {"params": plain(decision.params), "origin": origin, "seed": decision.seed}
            return json.loads(json.dumps(shape))
        case Promotion():
            return {"promoted": decision.trial}
        case _:
            return None


def find_other_versions(folder: StudyFolder) -> dict[str, tuple[str | None, str | None]]:
    """Packages whose version was another when the study began: then and now."""
    then, now = read_json_mapping(folder.sheet, StudyError).get("versions", {}), installed_versions()
    return {
        name: (then.get(name), now.get(name)) for name in {**then, **now} if then.get(name) != now.get(name)
    }
