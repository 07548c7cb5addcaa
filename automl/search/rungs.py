"""Asynchronous successive halving with promotion (ASHA; Li et al., MLSys 2020), delayed.

Delayed as in Hyper-Tune (Li et al., VLDB 2022): of all that came to a rung, no more than one of so many
ever goes on. Without the delay, in a search that improves, each newcomer is among the best of its rung and
trains to the end.

Our own because Ray's scheduler of that name keeps its rungs only in memory, never goes on with a paused
trial, and counts iterations of an actor, which restart at 1. Here a rung counts epochs, and feeding the
reports of the past again gives the same rungs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

from automl.ports import Decision, Promotion
from automl.search.ranking import Ranking
from automl.search.reached import Reached
from automl.types import Metric, Report, TrialId, TrialRecord

__all__ = ["Judge", "SuccessiveHalving", "rung_epochs"]

_FIRST_RUNG = 3
_HEDGE = 3
"""Every so many places go by what was reached at the rung, whatever a judge says: judges err too."""
_MOST_JUDGED = 300
"""Of thousands that wait at a rung, so many of the best are judged: what a decision costs does not grow with
the study."""


def rung_epochs(max_epochs: int, reduction: int = 3) -> tuple[int, ...]:
    """The epochs at which a trial has to be among the best: 3, 9, 27, ... below ``max_epochs``.

    The first two epochs of a detector do not tell a good learning rate from a bad one, the third does; so no
    rung stands before it unless the whole training is that short.
    """
    first = min(_FIRST_RUNG, max_epochs - 1)
    if first < 1:
        return ()
    count = math.ceil(math.log(max_epochs / first, reduction) - 1e-9)
    return tuple(first * reduction**k for k in range(count))


class Judge(Protocol):
    """Says how good trials will be once they are trained to the end."""

    def judge(self, standing: Mapping[TrialId, float]) -> Mapping[TrialId, float]:
        """A mark for each of some trials of a rung, larger is better.

        Args:
            standing: their best quality up to the rung, larger is better.
        """

    def trusts(self, epoch: int) -> bool:
        """Whether a rung at this epoch says enough of the last one to pause anybody there."""


class SuccessiveHalving:
    """Lets one of ``reduction`` trials that come to a rung go on: the best of those that have not yet.

    The others pause, and go on from their checkpoints once enough have come after them. All trials follow
    the whole schedule of ``max_epochs``, so a rung compares like with like. A trial stands at a rung as it
    would in the ranking, had it ended there.

    Args:
        metric: what to compare.
        max_epochs: epochs of a trial that is never paused.
        reduction: one of so many goes on.
        spared: trials that are measured against but never paused; the default spec is one of them, so that
            the result of the study can be stated against it.
        judge: ranks the trials of a rung by more than what they reached there, for two places of three.
    """

    def __init__(
        self,
        metric: Metric,
        max_epochs: int,
        *,
        reduction: int = 3,
        spared: frozenset[TrialId] = frozenset(),
        judge: Judge | None = None,
    ) -> None:
        self._reached = Reached(metric)
        self._judge = judge
        self._rungs = {epoch: _Rung(reduction, spared) for epoch in rung_epochs(max_epochs, reduction)}
        self._qualities: dict[TrialId, float] = {}
        self._spared = spared
        self._waits_at: dict[TrialId, int] = {}

    def has_room(self) -> bool:
        """Always: a new trial never waits for others."""
        return True

    def next_promotion(self, *, is_full: bool) -> Promotion | None:
        """The best paused trial of the highest rung that has a place; leaves no trace.

        A place is not given to a lesser one while the best is still on the way to its pause.

        Args:
            is_full: no new trial will come; places are rounded up then, so that the best of a few goes on.
        """
        for epoch, rung in reversed(self._rungs.items()):
            if rung.promotable and rung.places(is_full=is_full) >= 1:
                best = rung.best(self._judge_of(rung))
                told = f"best of those that wait at epoch {epoch}, where {len(rung.standing)} came"
                if best in rung.promotable:
                    return Promotion(best, told)
        return self._unfinished_leader() if is_full else None

    def on_suggested(self, record: TrialRecord) -> None:
        """Nothing to do: a trial counts once it comes to a rung."""

    def on_report(self, trial: TrialId, report: Report) -> Decision:
        """What becomes of the trial after this epoch; called once per report, in order."""
        quality = self._reached.take(trial, report)
        if quality is None:
            return Decision.CONTINUE
        self._qualities[trial] = quality
        for epoch, rung in self._rungs.items():
            if epoch > report.epoch or trial in rung.standing:
                continue
            rung.enter(trial, quality)
            if trial not in self._spared and not self._goes_on(trial, epoch):
                self._wait(trial, epoch)
                return Decision.PAUSE
        return Decision.CONTINUE

    def on_paused(self, record: TrialRecord) -> None:
        """A trial can be promoted from now on."""
        rung = self._rung_of(record.id)
        if rung is not None and record.id in rung.waiting:
            rung.promotable.add(record.id)

    def on_queued(self, record: TrialRecord) -> None:
        """A trial that was to wait goes on to its next rung."""
        rung = self._rung_of(record.id)
        if rung is not None and record.id in rung.waiting:
            rung.promotable.discard(record.id)
            rung.let_go(record.id)

    def on_ended(self, record: TrialRecord) -> None:
        """A final trial cannot be promoted; its places at the rungs stay."""
        rung = self._rung_of(record.id)
        if rung is not None:
            rung.promotable.discard(record.id)
            rung.waiting.discard(record.id)
            del self._waits_at[record.id]

    def _wait(self, trial: TrialId, epoch: int) -> None:
        if before := self._rung_of(trial):  # tried again after a failure, it need not have paused there
            before.waiting.discard(trial)
        self._waits_at[trial] = epoch
        self._rungs[epoch].wait(trial)

    def _rung_of(self, trial: TrialId) -> _Rung | None:
        """Where a trial was paused last."""
        return self._rungs[self._waits_at[trial]] if trial in self._waits_at else None

    def _unfinished_leader(self) -> Promotion | None:
        """The best trial of all if it is paused: who may win has to be trained to the end."""
        leader = max(self._qualities, key=self._qualities.__getitem__, default=None)
        rung = None if leader is None else self._rung_of(leader)
        if leader is None or rung is None or leader not in rung.promotable:
            return None
        return Promotion(leader, "best of all so far, and not at its end")

    def _judge_of(self, rung: _Rung) -> Judge | None:
        """Who says which trials of a rung are best; None where that is what they reached there."""
        is_hedge = len(rung.gone_on) % _HEDGE == _HEDGE - 1
        return None if is_hedge else self._judge

    def _goes_on(self, trial: TrialId, epoch: int) -> bool:
        """Whether a trial that just came to a rung is better than all that wait there, and has a place."""
        rung = self._rungs[epoch]
        is_trusted = self._judge is None or self._judge.trusts(epoch)
        if is_trusted and (rung.places(is_full=False) < 1 or not rung.is_led_by(trial, self._judge_of(rung))):
            return False
        rung.let_go(trial)
        return True


class _Rung:
    """The trials that came to one epoch.

    Attributes:
        standing: quality of each, larger is better, in the order in which they came.
        gone_on: those that a place was given to.
        waiting: those that were told to pause here and have not gone on since.
        promotable: those that are paused, their resources given back.
    """

    def __init__(self, reduction: int, spared: frozenset[TrialId]) -> None:
        self._reduction, self._spared = reduction, spared
        self._turn: dict[TrialId, int] = {}
        self._sharing = 0
        self.standing: dict[TrialId, float] = {}
        self.gone_on: set[TrialId] = set()
        self.waiting = Ranking()
        self.promotable: set[TrialId] = set()

    def enter(self, trial: TrialId, quality: float) -> None:
        """A trial came to the epoch."""
        self._turn[trial] = len(self.standing)
        self.standing[trial] = quality
        self._sharing += trial not in self._spared

    def let_go(self, trial: TrialId) -> None:
        """Give a place to a trial."""
        self.gone_on.add(trial)
        self.waiting.discard(trial)

    def places(self, *, is_full: bool) -> int:
        """So many may go on now."""
        share = self._sharing / self._reduction
        return (math.ceil(share) if is_full else math.floor(share)) - len(self.gone_on)

    def wait(self, trial: TrialId) -> None:
        """A trial that came to the epoch was told to pause."""
        self.waiting.put(trial, self.standing[trial], self._turn[trial])

    def best(self, judge: Judge | None) -> TrialId:
        """The best of those that wait, the earlier arrival among equals."""
        if judge is None:
            return self.waiting.first(1)[0]
        foremost = self.waiting.first(_MOST_JUDGED)
        marks = self._marks(judge, foremost)
        return max(foremost, key=lambda trial: (marks[trial], -self._turn[trial]))

    def is_led_by(self, newest: TrialId, judge: Judge | None) -> bool:
        """Whether the trial that came last is better than all that wait; an equal one that waits is first."""
        if not self.waiting:
            return True
        if judge is None:
            return self.standing[newest] > self.standing[self.waiting.first(1)[0]]
        marks = self._marks(judge, [*self.waiting.first(_MOST_JUDGED), newest])
        return all(marks[newest] > mark for trial, mark in marks.items() if trial != newest)

    def _marks(self, judge: Judge, trials: list[TrialId]) -> Mapping[TrialId, float]:
        return judge.judge({trial: self.standing[trial] for trial in trials})
