"""Asynchronous successive halving with promotion (ASHA; Li et al., MLSys 2020).

Our own because Ray's scheduler of that name keeps its rungs only in memory, never goes on with a paused
trial, and counts iterations of an actor, which restart at 1. Here a rung counts epochs, and feeding the
reports of the past again gives the same rungs.
"""

from __future__ import annotations

import math

from automl.ports import Decision, Promotion
from automl.types import Metric, Report, TrialId, TrialRecord

__all__ = ["SuccessiveHalving", "rung_epochs"]

_FIRST_RUNG = 3


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


class SuccessiveHalving:
    """Pauses a trial at a rung unless it is in the best ``1/reduction`` of those that came there.

    A paused trial goes on from its checkpoint once enough worse ones have come to its rung. All trials follow
    the whole schedule of ``max_epochs``, so a rung compares like with like. A trial stands at a rung with its
    best epoch so far, the rule of ranking.

    Args:
        metric: what to compare.
        max_epochs: epochs of a trial that is never paused.
        reduction: one of so many goes on.
        spared: trials that are measured against but never paused; the default spec is one of them, so that
            the result of the study can be stated against it.
    """

    def __init__(
        self, metric: Metric, max_epochs: int, *, reduction: int = 3, spared: frozenset[TrialId] = frozenset()
    ) -> None:
        self._metric = metric
        self._reduction = reduction
        self._spared = spared
        self._rungs: dict[int, dict[TrialId, float]] = {
            epoch: {} for epoch in rung_epochs(max_epochs, reduction)
        }
        self._best: dict[TrialId, float] = {}
        self._paused: dict[TrialId, int] = {}

    def has_room(self) -> bool:
        """Always: a new trial never waits for others."""
        return True

    def next_promotion(self) -> Promotion | None:
        """The best paused trial of the highest rung that is now among its best; leaves no trace."""
        for epoch in sorted(self._rungs, reverse=True):
            rung = self._rungs[epoch]
            places = len(rung) // self._reduction
            if best := [trial for trial in self._ranked(rung)[:places] if self._paused.get(trial) == epoch]:
                return Promotion(best[0], f"among the best {places} of {len(rung)} at epoch {epoch}")
        return None

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
            self._rungs[epoch][trial] = self._best[trial]
        if trial in self._spared or all(self._survives(trial, self._rungs[epoch]) for epoch in reached):
            return Decision.CONTINUE
        self._paused[trial] = reached[-1]
        return Decision.PAUSE

    def on_queued(self, record: TrialRecord) -> None:
        """A paused trial goes on to its next rung."""
        self._paused.pop(record.id, None)

    def on_ended(self, record: TrialRecord) -> None:
        """A final trial cannot be promoted; its places at the rungs stay."""
        self._paused.pop(record.id, None)

    def _ranked(self, rung: dict[TrialId, float]) -> list[TrialId]:
        """Trials of a rung, best first, the earlier arrival among equals."""
        return sorted(rung, key=lambda trial: -self._metric.direction.sign * rung[trial])

    def _survives(self, trial: TrialId, rung: dict[TrialId, float]) -> bool:
        better = sum(self._metric.is_better(value, rung[trial]) for value in rung.values())
        return better < math.ceil(len(rung) / self._reduction)
