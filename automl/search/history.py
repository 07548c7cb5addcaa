"""What a search has been told: one entry a trial, the later telling in place of the earlier."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import cached_property

from automl.search.encoding import Key, key_of
from automl.study.treatments import TREATMENTS
from automl.types import Metric, Params, Report, TrialId, TrialRecord, TrialState

__all__ = ["History", "Seen", "Standing"]


class Standing(Enum):
    """What a trial can teach."""

    PENDING = auto()
    """Runs or waits: what it reported so far counts, and nobody else needs to go there."""
    MEASURED = auto()
    """Paused, stopped or done."""
    BAD = auto()
    """The configuration cannot be trained."""


@dataclass(frozen=True)
class Seen:
    """One trial as a model sees it.

    Attributes:
        trial: its id.
        params: its configuration.
        standing: what it can teach.
        curve: finished epoch to the best quality up to there, in order; quality grows, whatever the metric's
            direction.
    """

    trial: TrialId
    params: Params
    standing: Standing
    curve: dict[int, float]

    @cached_property
    def epoch(self) -> int:
        """The last epoch that was measured, 0 before the first."""
        return next(reversed(self.curve), 0)

    @cached_property
    def best(self) -> float:
        """The best quality of all epochs, 0 before the first."""
        return next(reversed(self.curve.values()), 0.0)

    def quality_at(self, epoch: int) -> float | None:
        """The best quality up to an epoch; None when the trial was not measured so far."""
        if self.epoch < epoch:
            return None
        if epoch in self.curve:
            return self.curve[epoch]
        return next((value for at, value in reversed(self.curve.items()) if at < epoch), None)


class History:
    """Collects what the searcher's port is told; lost machines leave nothing behind.

    Args:
        metric: says which way is better.
    """

    def __init__(self, metric: Metric) -> None:
        self._sign = metric.direction.sign
        self._seen: dict[TrialId, Seen] = {}
        self.tried: set[Key] = set()
        """Every configuration that was ever begun, forgotten ones too."""
        self.revision = 0
        """Grows with everything that is taken in; what was computed from a history holds as long as it."""

    def __iter__(self) -> Iterator[Seen]:
        return iter(self._seen.values())

    def __len__(self) -> int:
        return len(self._seen)

    def measured(self) -> list[Seen]:
        """Trials with at least one measured epoch that did not turn out bad."""
        return [seen for seen in self if seen.curve and seen.standing is not Standing.BAD]

    def bad(self) -> list[Seen]:
        """Trials whose configuration cannot be trained."""
        return [seen for seen in self if seen.standing is Standing.BAD]

    def pending(self) -> list[Seen]:
        """Trials that run or wait."""
        return [seen for seen in self if seen.standing is Standing.PENDING]

    def unmeasured(self) -> list[Seen]:
        """Trials that run or wait and have told nothing yet."""
        return [seen for seen in self if seen.standing is Standing.PENDING and not seen.curve]

    def at_one_epoch(self, least: int) -> list[tuple[Seen, float]]:
        """Trials with their quality at the highest epoch that ``least`` of them have come to, best first.

        Where no epoch has so many: at the epoch that most have come to.
        """
        measured = self.measured()
        reached = sorted({seen.epoch for seen in measured}, reverse=True)
        enough = (e for e in reached if sum(seen.epoch >= e for seen in measured) >= least)
        epoch = next(enough, reached[-1] if reached else 0)
        there = [(seen, quality) for seen in measured if (quality := seen.quality_at(epoch)) is not None]
        return sorted(there, key=lambda entry: -entry[1])

    def adopt(self, record: TrialRecord) -> None:
        """A trial exists."""
        self.revision += 1
        self.tried.add(key_of(record.params))
        self._seen[record.id] = Seen(record.id, record.params, Standing.PENDING, {})

    def observe(self, trial: TrialId, report: Report) -> None:
        """One epoch of a trial."""
        self.revision += 1
        seen = self._seen.get(trial)
        if seen is None or report.value is None:
            return
        quality = self._sign * report.value
        before = max((value for at, value in seen.curve.items() if at < report.epoch), default=quality)
        known = {at: value for at, value in seen.curve.items() if at < report.epoch}
        self._seen[trial] = replace(seen, curve={**known, report.epoch: max(before, quality)})

    def tell(self, record: TrialRecord) -> None:
        """A trial that is paused or final."""
        self.revision += 1
        if record.id not in self._seen:
            self.adopt(record)
        for report in record.reports:
            if report.epoch > self._seen[record.id].epoch:
                self.observe(record.id, report)
        seen = self._seen[record.id]
        treatment = TREATMENTS.get(record.cause) if record.state is TrialState.FAILED else None
        if treatment is not None and treatment.is_bad_point:
            self._seen[record.id] = replace(seen, standing=Standing.BAD)
        elif treatment is not None or not seen.curve:
            del self._seen[record.id]
        else:
            self._seen[record.id] = replace(seen, standing=Standing.MEASURED)
