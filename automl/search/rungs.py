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
from automl.types import Metric, Report, TrialId, TrialRecord

__all__ = ["Judge", "SuccessiveHalving", "rung_epochs"]

_FIRST_RUNG = 3
_HEDGE = 3
"""Every so many places go by what was reached at the rung, whatever a judge says: judges err too."""


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
        """A mark for each trial of a rung, larger is better.

        Args:
            standing: best quality up to the rung, larger is better.
        """

    def trusts(self, epoch: int) -> bool:
        """Whether a rung at this epoch says enough of the last one to pause anybody there."""


class SuccessiveHalving:
    """Lets one of ``reduction`` trials that come to a rung go on: the best of those that have not yet.

    The others pause, and go on from their checkpoints once enough have come after them. All trials follow
    the whole schedule of ``max_epochs``, so a rung compares like with like. A trial stands at a rung with its
    best epoch so far, the rule of ranking.

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
        self._metric = metric
        self._reduction = reduction
        self._spared = spared
        self._judge = judge
        self._rungs: dict[int, dict[TrialId, float]] = {
            epoch: {} for epoch in rung_epochs(max_epochs, reduction)
        }
        self._best: dict[TrialId, float] = {}
        self._gone_on: dict[int, set[TrialId]] = {epoch: set() for epoch in self._rungs}
        self._waits_at: dict[TrialId, int] = {}
        self._paused: set[TrialId] = set()

    def has_room(self) -> bool:
        """Always: a new trial never waits for others."""
        return True

    def next_promotion(self, *, is_full: bool) -> Promotion | None:
        """The best paused trial of the highest rung that has a place; leaves no trace.

        Args:
            is_full: no new trial will come; places are rounded up then, so that the best of a few goes on.
        """
        for epoch in sorted(self._rungs, reverse=True):
            waiting = {trial for trial in self._paused if self._waits_at[trial] == epoch}
            if not waiting or self._places(epoch, is_full=is_full) < 1:
                continue
            best = next(trial for trial in self._ranked(epoch) if trial in waiting)
            return Promotion(
                best, f"best of those that wait at epoch {epoch}, where {len(self._rungs[epoch])} came"
            )
        return self._unfinished_leader() if is_full else None

    def on_suggested(self, record: TrialRecord) -> None:
        """Nothing to do: a trial counts once it comes to a rung."""

    def on_report(self, trial: TrialId, report: Report) -> Decision:
        """What becomes of the trial after this epoch; called once per report, in order."""
        if report.value is not None and self._metric.is_better(report.value, self._best.get(trial)):
            self._best[trial] = report.value
        if trial not in self._best:
            return Decision.CONTINUE
        reached = [
            epoch for epoch, rung in self._rungs.items() if epoch <= report.epoch and trial not in rung
        ]
        for epoch in reached:
            self._rungs[epoch][trial] = self._metric.direction.sign * self._best[trial]
            if trial not in self._spared and not self._goes_on(trial, epoch):
                self._waits_at[trial] = epoch
                return Decision.PAUSE
        return Decision.CONTINUE

    def on_paused(self, record: TrialRecord) -> None:
        """A trial can be promoted from now on."""
        if record.id in self._waits_at:
            self._paused.add(record.id)

    def on_queued(self, record: TrialRecord) -> None:
        """A paused trial goes on to its next rung."""
        if record.id in self._paused:
            self._paused.discard(record.id)
            self._gone_on[self._waits_at[record.id]].add(record.id)

    def on_ended(self, record: TrialRecord) -> None:
        """A final trial cannot be promoted; its places at the rungs stay."""
        self._paused.discard(record.id)
        self._waits_at.pop(record.id, None)

    def _unfinished_leader(self) -> Promotion | None:
        """The best trial of all if it is paused: who may win has to be trained to the end."""
        sign = self._metric.direction.sign
        leader = max(self._best, key=lambda trial: sign * self._best[trial], default=None)
        return Promotion(leader, "best of all so far, and not at its end") if leader in self._paused else None

    def _places(self, epoch: int, *, is_full: bool) -> int:
        """So many may go on from a rung now."""
        share = len(self._rungs[epoch].keys() - self._spared) / self._reduction
        return (math.ceil(share) if is_full else math.floor(share)) - len(self._gone_on[epoch])

    def _ranked(self, epoch: int) -> list[TrialId]:
        """Trials of a rung, best first, the earlier arrival among equals."""
        rung = self._rungs[epoch]
        is_hedge = len(self._gone_on[epoch]) % _HEDGE == _HEDGE - 1
        marks = rung if self._judge is None or is_hedge else self._judge.judge(rung)
        return sorted(rung, key=lambda trial: -marks[trial])

    def _goes_on(self, trial: TrialId, epoch: int) -> bool:
        """Whether a trial that just came to a rung is better than all that wait there, and has a place."""
        if self._judge is not None and not self._judge.trusts(epoch):
            self._gone_on[epoch].add(trial)
            return True
        if self._places(epoch, is_full=False) < 1:
            return False
        waiting = {other for other, at in self._waits_at.items() if at == epoch} - self._gone_on[epoch]
        if next(other for other in self._ranked(epoch) if other == trial or other in waiting) != trial:
            return False
        self._gone_on[epoch].add(trial)
        return True
