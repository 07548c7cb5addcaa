"""Plays a strategy on a cluster of any size, event by event, on a clock of its own.

The same strategy, state and spending as in a real study; only trainings and seconds are made up. So what it
says about waiting, promotion and budget is what the study would do.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import count
from typing import Any

from automl.errors import UsageError
from automl.ports import Decision, Promotion, Proposal, Strategy
from automl.simulation.landscape import Landscape
from automl.simulation.times import TrialTimes
from automl.study.events import (
    EpochReported,
    Event,
    StudyStarted,
    TrialEnded,
    TrialPaused,
    TrialQueued,
    TrialStarted,
    TrialSuggested,
)
from automl.study.spending import Spending
from automl.study.state import StudyState
from automl.types import Budget, Cause, Resources, TrialId, TrialRecord, TrialState

__all__ = ["ClusterShape", "SimulatedStudy", "simulate"]

_STOPS = {
    Decision.PAUSE: (TrialState.PAUSED, Cause.RUNG),
    Decision.STOP: (TrialState.PRUNED, Cause.EARLY_STOPPED),
}


@dataclass(frozen=True)
class ClusterShape:
    """Nodes that are all alike."""

    nodes: int
    gpus_per_node: int

    @property
    def gpus(self) -> int:
        """GPUs of the whole cluster."""
        return self.nodes * self.gpus_per_node

    def slots(self, resources: Resources) -> int:
        """Trials that fit side by side.

        Raises:
            UsageError: not even one fits.
        """
        per_node = int(self.gpus_per_node / (resources.gpus_per_trial or 1.0))
        slots = per_node * (self.nodes // resources.nodes_per_trial)
        if slots < 1:
            raise UsageError(
                f"a trial asks for {resources.nodes_per_trial} nodes of {resources.gpus_per_trial:g} GPUs, "
                f"the cluster has {self.nodes} of {self.gpus_per_node}",
                where="--gpus-per-trial, --nodes-per-trial",
                hint="ask for fewer, or simulate larger nodes",
            )
        return slots


@dataclass(frozen=True)
class SimulatedStudy:
    """What a simulated study took.

    Attributes:
        makespan_s: from the first trial's start to the last one's end.
        busy_s: slot-seconds in which a trial held its resources.
        startup_s: those of them that went into starting and restarting.
        slots: trials that fit side by side.
        trials: trials begun.
        epochs: epochs trained.
        best: best height found, of 80 at the summit.
        time_to_best_s: when the trial that reached it did so.
        events: events that the study would have written.
        controller_s: real seconds that strategy and state took.
    """

    makespan_s: float
    busy_s: float
    startup_s: float
    slots: int
    trials: int
    epochs: int
    best: float | None
    time_to_best_s: float
    events: int
    controller_s: float

    @property
    def use(self) -> float:
        """Share of the slot-seconds in which a trial ran, 0 to 1."""
        return self.busy_s / (self.slots * self.makespan_s) if self.makespan_s else 0.0

    def to_json(self) -> dict[str, Any]:
        """All figures, the share in use among them."""
        return {**asdict(self), "use": self.use}


def simulate(
    strategy: Strategy, landscape: Landscape, times: TrialTimes, *, slots: int, budget: Budget
) -> SimulatedStudy:
    """Play a strategy to its end.

    Args:
        strategy: a new one; it is used up.
        landscape: what trials would measure.
        times: what their parts would take.
        slots: trials side by side.
        budget: what may be spent; GPU-hours are those of one GPU a slot.
    """
    return _Simulation(strategy, landscape, times, slots, budget).run()


class _Simulation:
    def __init__(
        self, strategy: Strategy, landscape: Landscape, times: TrialTimes, slots: int, budget: Budget
    ) -> None:
        self._strategy, self._landscape, self._times = strategy, landscape, times
        self._slots, self._budget = slots, budget
        self._now = self._busy_s = self._startup_s = self._best_at = self._controller_s = 0.0
        self._events = 0
        self._best: float | None = None
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._idle_workers = 0
        self._ended_at = 0.0
        self._state = StudyState(landscape.metric)
        self._spending = Spending(budget, Resources(1.0), self._state, now=lambda: self._now)

    def run(self) -> SimulatedStudy:
        self._record(StudyStarted(0, 0))
        for number in range(self._slots):
            self._after(number * self._times.worker_s, self._free_worker)
        self._fill()
        while self._due:
            self._now, _, happen = heapq.heappop(self._due)
            happen()
            self._fill()
        return SimulatedStudy(
            makespan_s=self._ended_at,
            busy_s=self._busy_s,
            startup_s=self._startup_s,
            slots=self._slots,
            trials=self._state.trials_begun,
            epochs=self._state.epochs_total,
            best=self._best,
            time_to_best_s=self._best_at,
            events=self._events,
            controller_s=self._controller_s,
        )

    def _fill(self) -> None:
        for trial in self._next_trials():
            startup_s = self._times.startup_s
            if self._state.records[trial].epochs:
                startup_s += self._times.checkpoint_s
            self._record(TrialStarted(trial))
            self._idle_workers -= 1
            self._startup_s += startup_s
            self._train(trial, startup_s + self._times.epoch_s)

    def _next_trials(self) -> Iterator[TrialId]:
        while self._idle_workers and not self._spending.is_spent():
            trial = TrialId(str(len(self._state.records)))
            began = time.perf_counter()
            move = self._strategy.propose(trial, is_full=self._spending.has_all_trials())
            self._controller_s += time.perf_counter() - began
            match move:
                case Promotion(trial=paused, reason=reason):
                    self._record(TrialQueued(paused, reason))
                    yield paused
                case Proposal() as new:
                    self._record(
                        TrialSuggested(trial, new.params, new.origin, new.seed, new.role, new.reason)
                    )
                    yield trial
                case _:
                    return

    def _train(self, trial: TrialId, seconds: float) -> None:
        self._busy_s += seconds
        self._after(seconds, lambda: self._finish_epoch(self._state.records[trial]))

    def _end(self, event: TrialEnded | TrialPaused) -> None:
        def end() -> None:
            self._record(event)
            self._ended_at = self._now
            self._after(self._times.handover_s, self._free_worker)

        self._busy_s += self._times.ending_s
        self._after(self._times.ending_s, end)

    def _free_worker(self) -> None:
        self._idle_workers += 1

    def _after(self, seconds: float, happen: Callable[[], None]) -> None:
        """Let something happen later, what takes no time at once."""
        if seconds:
            heapq.heappush(self._due, (self._now + seconds, next(self._order), happen))
        else:
            happen()

    def _finish_epoch(self, record: TrialRecord) -> None:
        report = self._landscape.report(record.params, record.epochs + 1, self._budget.max_epochs)
        decision = self._record(EpochReported(record.id, report))
        self._look_for_best(record)
        if report.epoch >= self._budget.max_epochs:
            self._end(TrialEnded(record.id, TrialState.SUCCEEDED))
        elif self._spending.is_spent():
            self._end(TrialEnded(record.id, TrialState.CANCELLED, Cause.BUDGET))
        elif decision is Decision.CONTINUE:
            self._train(record.id, self._times.epoch_s)
        else:
            state, cause = _STOPS[decision]
            is_pause = state is TrialState.PAUSED
            self._end(TrialPaused(record.id, cause) if is_pause else TrialEnded(record.id, state, cause))

    def _look_for_best(self, record: TrialRecord) -> None:
        height = self._landscape.height(record.params)
        incumbent = self._state.incumbent
        if incumbent is not None and incumbent.id == record.id and height != self._best:
            self._best, self._best_at = height, self._now

    def _record(self, event: Event) -> Decision:
        """The way of an event into state and strategy, timed."""
        began = time.perf_counter()
        self._events += 1
        self._state.apply(event, self._now)
        decision = Decision.CONTINUE
        match event:
            case TrialSuggested():
                self._strategy.on_suggested(self._state.records[event.trial])
            case EpochReported():
                decision = self._strategy.on_report(event.trial, event.report)
            case TrialPaused():
                self._strategy.on_paused(self._state.records[event.trial])
            case TrialQueued():
                self._strategy.on_queued(self._state.records[event.trial])
            case TrialEnded():
                self._strategy.on_ended(self._state.records[event.trial])
        self._controller_s += time.perf_counter() - began
        return decision
