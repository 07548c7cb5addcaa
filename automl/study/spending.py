"""What a study has spent of its budget, over all controllers that ever had it in hand."""

from __future__ import annotations

import time

from automl.study.state import StudyState
from automl.types import Budget, Resources, Role, TrialState

__all__ = ["Spending"]


class Spending:
    """Holds a budget against what the events say was used.

    Args:
        budget: what may be spent.
        resources: the shape of a trial, for the GPUs it holds.
        state: what the events add up to.
        kept_back: share of the wall time that belongs to what comes after the search.
    """

    def __init__(
        self, budget: Budget, resources: Resources, state: StudyState, *, kept_back: float = 0.0
    ) -> None:
        self._budget = budget
        self._gpus = resources.gpus_per_trial * resources.nodes_per_trial
        self._state = state
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
        begun = sum(r.role is Role.SEARCH and r.origin is None for r in self._state.records.values())
        return begun >= self._budget.trials

    def _time_s(self) -> float | None:
        return None if self._budget.time_s is None else self._budget.time_s * (1 - self._kept_back)

    def _elapsed_s(self) -> float:
        return self._state.spent_s + time.time() - (self._state.taken_at or time.time())

    def _gpu_seconds(self) -> float:
        now = time.time()
        running = (r for r in self._state.records.values() if r.state is TrialState.RUNNING)
        return self._gpus * (self._state.trial_seconds + sum(now - (r.started_at or now) for r in running))
