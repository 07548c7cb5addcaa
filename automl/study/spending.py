"""What a study has spent of its budget, over all controllers that ever had it in hand."""

from __future__ import annotations

import math
from collections.abc import Callable

from automl.study.state import StudyState
from automl.types import Budget, Report, Resources, Role, TrialRecord

__all__ = ["Spending"]

_MARGIN = 1.2


class Spending:
    """Holds a budget against what the events say was used.

    The finals have a part of every limit that the search cannot touch: what their trainings will cost at the
    pace so far and a fifth more, at most half.

    Args:
        budget: what may be spent.
        resources: the shape of a trial, for the GPUs it holds.
        state: what the events add up to.
        now: the clock that stamps the events.
        kept_back: share of the wall time that belongs to what comes after all trainings.
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
        self._concurrent = resources.max_concurrent
        self._state = state
        self._now = now
        self._kept_back = kept_back

    def is_spent(self, role: Role = Role.CONFIRM) -> bool:
        """Whether a limit is reached: nothing of that role may be started, and what runs has to stop.

        Args:
            role: the search has its part of the budget, repeats have the whole. Once the finals began, the
                search is over.
        """
        if role is Role.SEARCH and self._has_finals_begun():
            return True
        limits = (
            (self._budget.epochs, self._finals_epochs, lambda: self._state.epochs_total),
            (self._gpu_s(), self._finals_gpu_s, self._gpu_seconds),
            (self._time_s(), self._finals_s, self._elapsed_s),
        )
        return any(
            limit is not None and spent() >= _part(limit, finals(), role) for limit, finals, spent in limits
        )

    def has_all_trials(self) -> bool:
        """Whether as many trials were begun as the budget has; repeats and continuations are none."""
        return self._state.trials_begun >= self._budget.trials

    def covers(self, record: TrialRecord, report: Report) -> bool:
        """Whether an epoch can be paid for; one that was reported before costs nothing."""
        limit = self._budget.epochs
        return (
            limit is None
            or report.epoch <= record.epochs
            or self._state.epochs_total < _part(limit, self._finals_epochs(), record.role)
        )

    def covers_repeat(self) -> bool:
        """Whether one more training of the finals fits in; one that is cut short would say nothing."""
        if self._budget.epochs is None:
            return True
        begun = (r for r in self._state.records.values() if r.role is Role.CONFIRM and not r.state.is_final)
        owed = sum(self._budget.max_epochs - record.epochs for record in begun)
        return self._state.epochs_total + owed + self._budget.max_epochs <= self._budget.epochs

    def _has_finals_begun(self) -> bool:
        newest = next(reversed(self._state.records.values()), None)
        return newest is not None and newest.role is Role.CONFIRM

    def _finals_epochs(self) -> int:
        return self._budget.repeats * self._budget.max_epochs

    def _finals_s(self) -> float:
        rounds = math.ceil(self._budget.repeats / self._concurrent)
        return rounds * self._budget.max_epochs * self._epoch_s()

    def _finals_gpu_s(self) -> float:
        return self._gpus * self._finals_epochs() * self._epoch_s()

    def _epoch_s(self) -> float:
        """Seconds that an epoch of the finals may take: as so far, with a margin; 0 before the first."""
        epochs = self._state.epochs_total
        return _MARGIN * self._held_s() / epochs if epochs else 0.0

    def _time_s(self) -> float | None:
        return None if self._budget.time_s is None else self._budget.time_s * (1 - self._kept_back)

    def _gpu_s(self) -> float | None:
        return None if self._budget.gpu_hours is None else self._budget.gpu_hours * 3600

    def _elapsed_s(self) -> float:
        taken_at = self._state.taken_at
        return self._state.spent_s + (0.0 if taken_at is None else self._now() - taken_at)

    def _gpu_seconds(self) -> float:
        return self._gpus * self._held_s()

    def _held_s(self) -> float:
        """Seconds in which trials held their resources."""
        now = self._now()
        return self._state.trial_seconds + sum(now - since for since in self._state.running.values())


def _part(limit: float, finals: float, role: Role) -> float:
    """What trials of a role may spend of a limit."""
    return limit - min(finals, limit / 2) if role is Role.SEARCH else limit
