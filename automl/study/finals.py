"""The finals of a study: its best trials and the default trained again on fresh seeds.

The value that made a trial the best was lucky as well as good; only trainings that chose nothing tell how
good. What is to be repeated next follows from the trials alone, so a study that was interrupted, or that is
retraced, repeats the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from automl.ports import Proposal
from automl.study.state import DEFAULT_TRIAL
from automl.types import Budget, Metric, Role, TrialRecord, TrialState

__all__ = ["Contender", "choose_finalists", "gather_contenders", "next_repeat"]


@dataclass(frozen=True)
class Contender:
    """A trial of the search with its repeats.

    Attributes:
        record: the trial that the search made.
        repeats: trainings of the same parameters on other seeds, in the order of their seeds.
    """

    record: TrialRecord
    repeats: tuple[TrialRecord, ...] = ()

    @property
    def complete(self) -> tuple[TrialRecord, ...]:
        """Repeats that ran to their end; one that the budget cut short says nothing."""
        return tuple(r for r in self.repeats if r.state is TrialState.SUCCEEDED and r.value is not None)

    @property
    def values(self) -> tuple[float, ...]:
        """What its complete repeats measured."""
        return tuple(repeat.value for repeat in self.complete if repeat.value is not None)

    @property
    def failures(self) -> int:
        """Repeats that failed."""
        return sum(repeat.state is TrialState.FAILED for repeat in self.repeats)


def choose_finalists(records: Iterable[TrialRecord], metric: Metric, top: int) -> list[TrialRecord]:
    """The best trials of the search, best first; neither the default nor two of equal parameters."""
    known = list(records)
    default = next((record for record in known if record.id == DEFAULT_TRIAL), None)
    seen = [default.params] if default else []
    ranked = sorted(
        (r for r in known if r.role is Role.SEARCH and r.id != DEFAULT_TRIAL and r.is_ranked),
        key=lambda r: -metric.direction.sign * (r.value or 0.0),
    )
    chosen: list[TrialRecord] = []
    for record in ranked:
        if len(chosen) < top and record.params not in seen:
            chosen.append(record)
            seen.append(record.params)
    return chosen


def gather_contenders(records: Iterable[TrialRecord], metric: Metric) -> list[Contender]:
    """Every trial of the search that was repeated, with its repeats: the default first, then best first."""
    known = list(records)
    repeats = sorted((r for r in known if r.role is Role.CONFIRM), key=lambda r: r.seed)
    repeated = [r for r in known if any(r.params == repeat.params for repeat in repeats)]
    defaults = [r for r in repeated if r.id == DEFAULT_TRIAL]
    return [
        Contender(record, tuple(repeat for repeat in repeats if repeat.params == record.params))
        for record in (*defaults, *choose_finalists(repeated, metric, len(repeated)))
    ]


def next_repeat(records: Iterable[TrialRecord], metric: Metric, budget: Budget) -> Proposal | None:
    """The repeat that is missing next, None when all were begun.

    Seed by seed, so that a budget that ends early leaves all contenders with as many seeds as each other.
    """
    known = list(records)
    finalists = choose_finalists(known, metric, budget.finalists)
    defaults = [r for r in known if r.id == DEFAULT_TRIAL and r.is_ranked]
    if not finalists:
        return None
    begun = [(r.params, r.seed) for r in known if r.role is Role.CONFIRM]
    for seed in range(1, budget.seeds + 1):
        for record in (*defaults, *finalists):
            if (record.params, seed) not in begun:
                reason = f"trial {record.id} again, on seed {seed} of {budget.seeds}"
                return Proposal(record.params, seed=seed, role=Role.CONFIRM, reason=reason)
    return None
