"""A study that is played without processes: a strategy, an objective, as many workers as one likes."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

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
from automl.types import Cause, Direction, Metric, Params, Report, TrialId, TrialState

AP11 = Metric("AP11", Direction.MAXIMIZE)
Curve = Callable[[Params], Sequence[float | None] | Cause]
"""Values of all epochs, or what a trial dies of at once."""


@dataclass
class PlayedStudy:
    """What happened, in order; ``choices`` holds each answer of the strategy with the events before it."""

    events: list[Event] = field(default_factory=list)
    state: StudyState = field(default_factory=lambda: StudyState(AP11))
    choices: list[tuple[int, TrialId, Proposal | Promotion]] = field(default_factory=list)

    @property
    def params(self) -> list[Params]:
        return [record.params for record in self.state.records.values()]


def play(  # noqa: PLR0913 - all that a study is asked for
    strategy: Strategy,
    curve: Curve,
    *,
    trials: int,
    epochs: int,
    workers: int = 1,
    budget_epochs: int = 10**6,
    metric: Metric = AP11,
) -> PlayedStudy:
    """Play until trials or epochs are spent and nothing runs; workers train an epoch each in turn."""
    player = _Player(strategy, curve, trials, epochs, metric)
    study = player.study
    while True:
        is_spent = study.state.epochs_total >= budget_epochs
        while not is_spent and len(player.running) < workers and player.start():
            pass
        if not player.running:
            return study
        player.train(player.running.popleft(), is_last=study.state.epochs_total + 1 >= budget_epochs)


class _Player:
    def __init__(self, strategy: Strategy, curve: Curve, trials: int, epochs: int, metric: Metric) -> None:
        self.strategy, self.curve, self.trials, self.epochs = strategy, curve, trials, epochs
        self.study, self.running = PlayedStudy(state=StudyState(metric)), deque[TrialId]()

    def record(self, event: Event) -> Decision:
        self.study.events.append(event)
        self.study.state.apply(event, float(len(self.study.events)))
        return tell_strategy(self.strategy, event, self.study.state)

    def start(self) -> bool:
        state = self.study.state
        trial = TrialId(str(len(state.records)))
        new = self.strategy.propose(trial, is_full=state.trials_begun >= self.trials)
        if not isinstance(new, Promotion | Proposal):
            return False
        self.study.choices.append((len(self.study.events), trial, new))
        if isinstance(new, Promotion):
            trial = new.trial
            self.record(TrialQueued(trial, new.reason))
        else:
            self.record(TrialSuggested(trial, new.params, new.origin, new.seed, new.role, new.reason))
        self.record(TrialStarted(trial))
        if isinstance(cause := self.curve(state.records[trial].params), Cause):
            self.record(TrialEnded(trial, TrialState.FAILED, cause))
        else:
            self.running.append(trial)
        return True

    def train(self, trial: TrialId, *, is_last: bool) -> None:
        known = self.study.state.records[trial]
        values, epoch = self.curve(known.params), known.epochs + 1
        assert not isinstance(values, Cause)
        decision = self.record(EpochReported(trial, Report(epoch, self.epochs, values[epoch - 1])))
        if epoch == self.epochs:
            self.record(TrialEnded(trial, TrialState.SUCCEEDED))
        elif decision is Decision.PAUSE:
            self.record(TrialPaused(trial, Cause.RUNG))
        elif decision is Decision.STOP:
            self.record(TrialEnded(trial, TrialState.PRUNED, Cause.EARLY_STOPPED))
        elif is_last:
            self.record(TrialEnded(trial, TrialState.CANCELLED, Cause.BUDGET))
        else:
            self.running.append(trial)
