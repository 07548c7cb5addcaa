"""Asynchronous successive halving that stops trials (ASHA; Li et al., MLSys 2020, stopping variant).

Our own forty lines because Ray's scheduler of that name keeps its rungs only in memory, so that a restored
study stops too little, and counts iterations of an actor, which restart at 1. Here a rung counts epochs, and
feeding the reports of the past again gives the same rungs.
"""

from __future__ import annotations

import math

from automl.types import Metric, Report, TrialId

__all__ = ["NeverStopper", "SuccessiveHalving", "rung_epochs"]

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
    """Stops a trial at a rung unless it is in the best ``1/reduction`` of those that came there.

    All trials follow the whole schedule of ``max_epochs``, so a rung compares like with like. A trial stands
    at a rung with its best epoch so far, the rule of ranking.

    Args:
        metric: what to compare.
        max_epochs: epochs of a trial that is never stopped.
        reduction: one of so many goes on.
        spared: trials that are measured against but never stopped; the default spec is one of them, so that
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

    def should_stop(self, trial: TrialId, report: Report) -> bool:
        """Whether the trial is hopeless among those seen so far; called once per report, in order."""
        if report.value is not None and self._metric.is_better(report.value, self._best.get(trial)):
            self._best[trial] = report.value
        if trial not in self._best:
            return False
        reached = [rung for epoch, rung in self._rungs.items() if epoch <= report.epoch and trial not in rung]
        for rung in reached:
            rung[trial] = self._best[trial]
        return trial not in self._spared and any(not self._survives(trial, rung) for rung in reached)

    def _survives(self, trial: TrialId, rung: dict[TrialId, float]) -> bool:
        better = sum(self._metric.is_better(value, rung[trial]) for value in rung.values())
        return better < math.ceil(len(rung) / self._reduction)


class NeverStopper:
    """Lets every trial run to its last epoch."""

    def should_stop(self, trial: TrialId, report: Report) -> bool:  # noqa: ARG002 - the port's signature
        """No."""
        return False
