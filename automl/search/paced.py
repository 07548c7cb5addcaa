"""A strategy made of two halves: one proposes parameters, the other says how far each trial trains."""

from __future__ import annotations

from collections.abc import Callable

from automl.ports import Decision, Pacer, Promotion, Proposal, Searcher, Wait
from automl.types import Report, TrialId, TrialRecord

__all__ = ["FullLength", "PacedSearch"]


class PacedSearch:
    """Promotes a paused trial where one deserves it, else starts a new one.

    Args:
        searcher: proposes parameters.
        pacer: says how far each trial trains.
    """

    def __init__(self, searcher: Searcher, pacer: Pacer) -> None:
        self._searcher = searcher
        self._pacer = pacer

    def wrap(self, make: Callable[[Searcher], Searcher]) -> PacedSearch:
        """The same with another searcher around its own."""
        return PacedSearch(make(self._searcher), self._pacer)

    def propose(self, trial: TrialId, *, is_full: bool) -> Proposal | Promotion | Wait | None:
        """The next thing to start; None when there is nothing more."""
        if (promotion := self._pacer.next_promotion(is_full=is_full)) is not None:
            return promotion
        if is_full:
            return None
        if not self._pacer.has_room():
            return Wait.WAIT
        return self._searcher.suggest(trial)

    def on_suggested(self, record: TrialRecord) -> None:
        """A trial exists, whoever proposed it."""
        self._searcher.adopt(record)
        self._pacer.on_suggested(record)

    def on_report(self, trial: TrialId, report: Report) -> Decision:
        """Take in one epoch and say what becomes of the trial."""
        self._searcher.observe(trial, report)
        return self._pacer.on_report(trial, report)

    def on_paused(self, record: TrialRecord) -> None:
        """What a paused trial reached teaches the searcher at once."""
        self._searcher.tell(record)
        self._pacer.on_paused(record)

    def on_queued(self, record: TrialRecord) -> None:
        """A trial that had begun goes on."""
        self._pacer.on_queued(record)

    def on_ended(self, record: TrialRecord) -> None:
        """Take in a trial that reached a final state."""
        self._searcher.tell(record)
        self._pacer.on_ended(record)


class FullLength:
    """A pacer that lets every trial run to its last epoch."""

    def has_room(self) -> bool:
        """Always."""
        return True

    def next_promotion(self, *, is_full: bool) -> Promotion | None:  # noqa: ARG002 - the port's signature
        """Nothing is ever paused."""
        return None

    def on_suggested(self, record: TrialRecord) -> None:
        """Nothing to do."""

    def on_report(self, trial: TrialId, report: Report) -> Decision:  # noqa: ARG002 - the port's signature
        """Always go on."""
        return Decision.CONTINUE

    def on_paused(self, record: TrialRecord) -> None:
        """Nothing to do."""

    def on_queued(self, record: TrialRecord) -> None:
        """Nothing to do."""

    def on_ended(self, record: TrialRecord) -> None:
        """Nothing to do."""
