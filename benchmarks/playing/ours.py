"""Plays one of our strategies as the controller does: same strategy, same events, same state."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from automl.app.strategy import make_strategy
from automl.planning.plan import SearchPlan
from automl.planning.sizing import AlgorithmChoice
from automl.ports import Decision, Promotion, Proposal, Strategy
from automl.study.events import (
    EpochReported,
    Event,
    TrialEnded,
    TrialPaused,
    TrialQueued,
    TrialStarted,
    TrialSuggested,
)
from automl.study.state import StudyState
from automl.study.telling import tell_strategy
from automl.types import Budget, Cause, Direction, Metric, Params, Report, TrialId, TrialState
from playing.objectives import EPOCHS, Objective, OutOfMemoryError, after

METRIC = Metric("AP11", Direction.MAXIMIZE)
_MANY = 1000

Progress = list[tuple[int, Params]]
"""Epochs spent and the incumbent from then on."""


def make(
    algorithm: str,
    objective: Objective,
    metric: Metric = METRIC,
    *,
    epochs: int,
    seed: int,
    workers: int,
) -> Strategy:
    """The strategy as a study with a budget of epochs makes it."""
    trials = min(_MANY, 2 * epochs // EPOCHS)
    plan = SearchPlan(
        objective.space, AlgorithmChoice(algorithm, ""), Budget(trials, EPOCHS, epochs), metric, seed, workers
    )
    return make_strategy(plan)


def play(
    algorithm: str, objective: Objective, metric: Metric, *, epochs: int, seed: int, workers: int = 1
) -> Progress:
    """Search until the epochs are spent; workers train an epoch each in turn."""
    strategy = make(algorithm, objective, metric, epochs=epochs, seed=seed, workers=workers)
    player = _Player(strategy, objective, epochs, seed, StudyState(metric))
    while player.state.epochs_total < epochs:
        while len(player.running) < workers and player.start():
            pass
        if not player.running:
            break
        player.train(player.running.popleft())
    return player.progress


@dataclass
class _Player:
    strategy: Strategy
    objective: Objective
    epochs: int
    seed: int
    state: StudyState
    running: deque[TrialId] = field(default_factory=deque)
    progress: Progress = field(default_factory=list)
    curves: dict[TrialId, Sequence[float]] = field(default_factory=dict)
    truths: dict[TrialId, Sequence[float]] = field(default_factory=dict)

    def record(self, event: Event) -> Decision:
        self.state.apply(event, float(self.state.epochs_total))
        return tell_strategy(self.strategy, event, self.state)

    def start(self) -> bool:
        trial = TrialId(str(len(self.state.records)))
        match self.strategy.propose(trial, is_full=False):
            case Promotion(trial=trial, reason=reason):
                self.record(TrialQueued(trial, reason))
            case Proposal() as new:
                self.record(TrialSuggested(trial, new.params, new.origin, new.seed, new.role, new.reason))
            case _:
                return False
        self.record(TrialStarted(trial))
        try:
            self.curves.setdefault(trial, self.curve(trial))
        except OutOfMemoryError:
            self.record(TrialEnded(trial, TrialState.FAILED, Cause.OUT_OF_MEMORY))
            return True
        self.running.append(trial)
        return True

    def curve(self, trial: TrialId) -> Sequence[float]:
        """All epochs of a trial; those before its origin's are not its own."""
        record = self.state.records[trial]
        done = record.first_epoch
        start = self.truths[record.origin.trial][done - 1] if record.origin else None
        values = self.objective.curve(record.params, self.seed, start)
        self.truths[trial] = after(done, self.objective.truth(record.params, start))
        return after(done, values)

    def train(self, trial: TrialId) -> None:
        epoch = self.state.records[trial].epochs + 1
        decision = self.record(EpochReported(trial, Report(epoch, EPOCHS, self.curves[trial][epoch - 1])))
        if (incumbent := self.state.incumbent) is not None:
            self.progress.append((self.state.epochs_total, incumbent.params))
        if epoch == EPOCHS:
            self.record(TrialEnded(trial, TrialState.SUCCEEDED))
        elif decision is Decision.PAUSE:
            self.record(TrialPaused(trial, Cause.RUNG))
        elif decision is Decision.STOP:
            self.record(TrialEnded(trial, TrialState.PRUNED, Cause.EARLY_STOPPED))
        else:
            self.running.append(trial)
