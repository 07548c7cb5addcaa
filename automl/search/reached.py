"""What each trial has come to so far, by the rule that ranks."""

from __future__ import annotations

from collections import defaultdict

from automl.types import Metric, Report, TrialId

__all__ = ["Reached"]


class Reached:
    """Keeps what trials measured, so that whoever compares them does so by the study's one rule.

    Args:
        metric: says which way is better and which epochs stand for a trial.
    """

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._curves: defaultdict[TrialId, dict[int, float]] = defaultdict(dict)

    def take(self, trial: TrialId, report: Report) -> float | None:
        """Where a trial stands after an epoch; larger is better, None before anything was measured.

        A trial that was begun again from an earlier checkpoint reports its epochs anew: later ones are
        forgotten.
        """
        curve = self._curves[trial]
        while curve and next(reversed(curve)) >= report.epoch:
            curve.popitem()
        if report.value is not None:
            curve[report.epoch] = self._metric.direction.sign * report.value
        return self._metric.stands_at(list(curve.values())) if curve else None
