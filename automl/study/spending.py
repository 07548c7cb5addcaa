"""What a study has spent of its budget, over all controllers that ever had it in hand."""

from __future__ import annotations

from collections.abc import Callable

from automl.study.state import StudyState
from automl.types import Budget, Report, Resources, TrialRecord

__all__ = ["Spending"]


class Spending:
    """Holds a budget against what the events say was used.

    Args:
        budget: what may be spent.
        resources: the shape of a trial, for the GPUs it holds.
        state: what the events add up to.
        now: the clock that stamps the events.
        kept_back: share of the wall time that belongs to what comes after the search.
    """

    def __init__(
        self,
        budget: Budget,
        resources: Resources,
        state: StudyState,
        *,
        now: Callable[[], float],
        kept_back: float = 0.0,
    ) -> None:
        self._budget = budget
        self._gpus = resources.gpus_per_trial * resources.nodes_per_trial
        self._state = state
        self._now = now
        self._kept_back = kept_back

    def is_spent(self) -> bool:
        """Whether any limit is reached: nothing more may be started, and what runs has to stop."""
        limits = (
            (self._budget.epochs, self._state.epochs_total),
            (self._budget.gpu_hours, self._gpu_seconds() / 3600 if self._gpus else 0.0),
            (self._time_s(), self._elapsed_s()),
        )
        return any(limit is not None and spent >= limit for limit, spent in limits)

    def has_all_trials(self) -> bool:
        """Whether as many trials were begun as the budget has; repeats and continuations are none."""
        return self._state.trials_begun >= self._budget.trials

    def covers(self, record: TrialRecord, report: Report) -> bool:
        """Whether an epoch can be paid for; one that was reported before costs nothing."""
        limit = self._budget.epochs
        return limit is None or report.epoch <= record.epochs or self._state.epochs_total < limit

    def _time_s(self) -> float | None:
        return None if self._budget.time_s is None else self._budget.time_s * (1 - self._kept_back)

    def _elapsed_s(self) -> float:
        taken_at = self._state.taken_at
        return self._state.spent_s + (0.0 if taken_at is None else self._now() - taken_at)

    def _gpu_seconds(self) -> float:
        now = self._now()
        return self._gpus * (
            self._state.trial_seconds + sum(now - since for since in self._state.running.values())
        )
