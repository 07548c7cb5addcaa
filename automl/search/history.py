"""What a search has been told: one entry a trial, the later telling in place of the earlier."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum, auto

from automl.search.encoding import Key, key_of
from automl.search.ranking import Ranking
from automl.search.reached import Reached
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


@dataclass(frozen=True, slots=True)
class Seen:
    """One trial as a model sees it.

    Attributes:
        trial: its id.
        params: its configuration.
        standing: what it can teach.
        curve: finished epoch to where the trial stood there, in order; larger is better, whatever the
            metric's direction.
    """

    trial: TrialId
    params: Params
    standing: Standing
    curve: dict[int, float]

    @property
    def epoch(self) -> int:
        """The last epoch that was measured, 0 before the first."""
        return next(reversed(self.curve), 0)

    @property
    def quality(self) -> float:
        """Where it stands now, 0 before the first epoch."""
        return next(reversed(self.curve.values()), 0.0)

    def quality_at(self, epoch: int) -> float | None:
        """Where it stood at an epoch; None when the trial was not measured so far."""
        if self.epoch < epoch:
            return None
        if epoch in self.curve:
            return self.curve[epoch]
        return next((value for at, value in reversed(self.curve.items()) if at < epoch), None)


class History:
    """Collects what the searcher's port is told; lost machines leave nothing behind.

    Who runs, and how those stand that came to an epoch, is kept up with each telling: a proposal after
    thousands of trials looks at those that matter, not at all of them.

    Args:
        metric: says which way is better and which epochs stand for a trial.
    """

    def __init__(self, metric: Metric) -> None:
        self._reached = Reached(metric)
        self._seen: dict[TrialId, Seen] = {}
        self._turn: dict[TrialId, int] = {}
        self._pending: set[TrialId] = set()
        self._bad: set[TrialId] = set()
        self._came_to: defaultdict[int, Ranking] = defaultdict(Ranking)
        self.tried: set[Key] = set()
        """Every configuration that was ever begun, forgotten ones too."""
        self.revision = 0
        """Grows with everything that is taken in; what was computed from a history holds as long as it."""

    def __iter__(self) -> Iterator[Seen]:
        return iter(self._seen.values())

    def __len__(self) -> int:
        return len(self._seen)

    @property
    def measured_count(self) -> int:
        """How many trials `measured` lists."""
        return sum(map(len, self._came_to.values()))

    def find(self, trial: TrialId) -> Seen | None:
        """What is known of a trial; None when it is not there, or left nothing behind."""
        return self._seen.get(trial)

    def measured(self) -> list[Seen]:
        """Trials with at least one measured epoch that did not turn out bad."""
        return [seen for seen in self if seen.curve and seen.standing is not Standing.BAD]

    def foremost(self, most: int) -> list[Seen]:
        """The measured trials, of each last epoch so many of the best."""
        return self._in_order(trial for ranking in self._came_to.values() for trial in ranking.first(most))

    def bad(self) -> list[Seen]:
        """Trials whose configuration cannot be trained."""
        return self._in_order(self._bad)

    def pending(self) -> list[Seen]:
        """Trials that run or wait."""
        return self._in_order(self._pending)

    def unmeasured(self) -> list[Seen]:
        """Trials that run or wait and have told nothing yet."""
        return [seen for seen in self.pending() if not seen.curve]

    def at_one_epoch(self, least: int) -> list[tuple[Seen, float]]:
        """Trials with their quality at the highest epoch that ``least`` of them have come to, best first.

        Where no epoch has so many: at the epoch that most have come to.
        """
        epoch, came = 0, list[TrialId]()
        for epoch in sorted((at for at, ranking in self._came_to.items() if ranking), reverse=True):
            came += self._came_to[epoch]
            if len(came) >= least:
                break
        known = ((seen, seen.quality_at(epoch)) for seen in self._in_order(came))
        there = [(seen, quality) for seen, quality in known if quality is not None]
        return sorted(there, key=lambda entry: -entry[1])

    def adopt(self, record: TrialRecord) -> None:
        """A trial exists."""
        self.revision += 1
        self.tried.add(key_of(record.params))
        self._keep(Seen(record.id, record.params, Standing.PENDING, {}))

    def observe(self, trial: TrialId, report: Report) -> None:
        """One epoch of a trial."""
        self.revision += 1
        seen = self._seen.get(trial)
        quality = self._reached.take(trial, report) if seen else None
        if seen is None or report.value is None or quality is None:
            return
        known = {at: value for at, value in seen.curve.items() if at < report.epoch}
        self._keep(replace(seen, curve={**known, report.epoch: quality}))

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
            self._keep(replace(seen, standing=Standing.BAD))
        elif treatment is not None or not seen.curve:
            self._forget(seen)
        else:
            self._keep(replace(seen, standing=Standing.MEASURED))

    def _in_order(self, trials: Iterable[TrialId]) -> list[Seen]:
        """What is known of some trials, in the order in which they began."""
        return [self._seen[trial] for trial in sorted(trials, key=self._turn.__getitem__)]

    def _keep(self, seen: Seen) -> None:
        """Put what is known of a trial in place of what was."""
        trial = seen.trial
        if (before := self._seen.get(trial)) is None:
            self._turn[trial] = self.revision
        else:
            self._came_to[before.epoch].discard(trial)
        self._seen[trial] = seen
        (self._pending.add if seen.standing is Standing.PENDING else self._pending.discard)(trial)
        (self._bad.add if seen.standing is Standing.BAD else self._bad.discard)(trial)
        if seen.curve and seen.standing is not Standing.BAD:
            self._came_to[seen.epoch].put(trial, seen.quality, self._turn[trial])

    def _forget(self, seen: Seen) -> None:
        """Leave nothing of a trial but that it was tried."""
        del self._seen[seen.trial]
        self._pending.discard(seen.trial)
        self._bad.discard(seen.trial)
        self._came_to[seen.epoch].discard(seen.trial)
