"""The plugs between what decides and what does; the controller knows nothing else of the outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Protocol

from automl.errors import TrialError
from automl.types import Cause, Origin, Params, Patience, Report, Role, StudySheet, TrialId, TrialRecord

__all__ = [
    "Decision",
    "FinalCheck",
    "Follower",
    "JobFactory",
    "Launch",
    "NodePlace",
    "Pacer",
    "Promotion",
    "Proposal",
    "Scheduler",
    "Searcher",
    "Strategy",
    "StudyDriver",
    "Tracker",
    "TrialFailedError",
    "TrialJob",
    "Wait",
]


class TrialFailedError(TrialError):
    """A trainer ended badly; travels between processes.

    Attributes:
        cause: what went wrong, as the search should understand it.
        evidence: exit code and last lines of the log; for people.
    """

    def __init__(self, cause: Cause, evidence: str) -> None:
        super().__init__(f"{cause}: {evidence}")
        self.cause = cause
        self.evidence = evidence

    def __reduce__(self) -> tuple[type[TrialFailedError], tuple[Cause, str]]:
        return type(self), (self.cause, self.evidence)


@dataclass(frozen=True)
class Proposal:
    """A new trial.

    Attributes:
        params: searched parameters.
        origin: another trial's checkpoint to begin from.
        seed: added to the study's training seed.
        role: what the trial is for.
        reason: why it is worth a trial, in words.
        source: who proposed it, where the strategy asked somebody; empty for what it derives itself.
    """

    params: Params
    origin: Origin | None = None
    seed: int = 0
    role: Role = Role.SEARCH
    reason: str = ""
    source: str = ""


@dataclass(frozen=True)
class Promotion:
    """A paused trial goes on from its checkpoint."""

    trial: TrialId
    reason: str = ""


class Wait(Enum):
    """Nothing to start before a running trial reports or ends."""

    WAIT = auto()


class Decision(Enum):
    """What becomes of a trial after an epoch."""

    CONTINUE = auto()
    PAUSE = auto()
    STOP = auto()


class Strategy(Protocol):
    """Decides what to train next and how far; a study's whole intelligence.

    Called from one thread only. It is a function of its seed and of what it was told through the ``on_``
    methods: telling the events of the past to a new one, in their order, makes it go on as if nothing had
    happened. So `propose` itself leaves no trace that a later proposal depends on.
    """

    def propose(self, trial: TrialId, *, is_full: bool) -> Proposal | Promotion | Wait | None:
        """The next thing to start; None when there is nothing more.

        Args:
            trial: id that a new trial would have.
            is_full: the budget has no further trial; repeats, continuations and promotions are still welcome.
        """

    def on_suggested(self, record: TrialRecord) -> None:
        """A trial exists, whoever proposed it."""

    def on_report(self, trial: TrialId, report: Report) -> Decision:
        """Take in one epoch and say what becomes of the trial."""

    def on_paused(self, record: TrialRecord) -> None:
        """A trial gave its resources back after a `Decision.PAUSE`."""

    def on_queued(self, record: TrialRecord) -> None:
        """A trial that had begun waits for resources again; promoted, or tried once more."""

    def on_ended(self, record: TrialRecord) -> None:
        """Take in a trial that reached a final state."""


class Searcher(Protocol):
    """Proposes parameters and learns from results; the half of a strategy that knows nothing of epochs' cost.

    Called from one thread only. The same history in the same order gives the same proposals.
    """

    def suggest(self, trial: TrialId) -> Proposal | None:
        """Parameters for a new trial and why, or None when the space is exhausted; leaves no trace."""

    def adopt(self, record: TrialRecord) -> None:
        """Take in that a trial exists; one that was not suggested here is counted among the running."""

    def observe(self, trial: TrialId, report: Report) -> None:
        """Take in one epoch of a running trial."""

    def tell(self, record: TrialRecord) -> None:
        """Take in a trial that is paused or final, whoever proposed its parameters.

        A trial that was paused is told again when it ends; the later telling replaces the earlier.
        """


class Pacer(Protocol):
    """Says how far each trial trains; the half of a strategy that knows nothing of parameters."""

    def has_room(self) -> bool:
        """Whether a new trial may start now."""

    def next_promotion(self, *, is_full: bool) -> Promotion | None:
        """The paused trial that deserves to go on, if any; leaves no trace.

        Args:
            is_full: no new trial will come, so nobody has to wait for more to compare with.
        """

    def on_suggested(self, record: TrialRecord) -> None:
        """A trial exists."""

    def on_report(self, trial: TrialId, report: Report) -> Decision:
        """What becomes of the trial after this epoch; called once per report, in order."""

    def on_paused(self, record: TrialRecord) -> None:
        """A trial gave its resources back, so that it can be promoted."""

    def on_queued(self, record: TrialRecord) -> None:
        """A trial goes on."""

    def on_ended(self, record: TrialRecord) -> None:
        """A trial is final."""


@dataclass(frozen=True)
class NodePlace:
    """One node's part in a trial of several nodes.

    Attributes:
        rank: of the node; node 0 reports, all others follow it.
        nodes: of the trial.
        address: of node 0.
        port: on node 0, where the processes meet.
        gpus: of each node; 0 leaves the number of processes to the spec.
    """

    rank: int
    nodes: int
    address: str
    port: int
    gpus: int = 0


@dataclass(frozen=True)
class Launch:
    """What a worker needs to start a trial, or to go on with one.

    Attributes:
        trial: its id.
        folder: its folder, ``spec.yaml`` written.
        epochs: epochs that the study knows of; what the trainer reported beyond them is reported again.
        place: this node's part; None when the trial has one node.
        patience: how long the trainer may say nothing; None is the default.
    """

    trial: TrialId
    folder: Path
    epochs: int = 0
    place: NodePlace | None = None
    patience: Patience | None = None


class TrialJob(Protocol):
    """One running trial as its scheduler's worker sees it: pull reports until None, or be stopped."""

    def next_report(self) -> Report | None:
        """Block until the next epoch; None when the trainer has ended well.

        Raises:
            TrialFailedError: the trainer ended badly; carries cause and evidence.
        """

    def stop(self) -> None:
        """End the trainer's whole process group (SIGTERM, grace, SIGKILL); idempotent."""


class Follower(Protocol):
    """The trainer's processes on a further node of a trial."""

    @property
    def oom_kills(self) -> int:
        """What the kernel of the node has killed for want of memory since they were started."""

    def wait(self, timeout_s: float) -> int | None:
        """Exit code, or None when they still run after so many seconds."""

    def stop(self) -> int:
        """End them; exit code. Idempotent."""


class JobFactory(Protocol):
    """Starts the trainer of a prepared trial folder; picklable, since workers on other machines call it."""

    def __call__(self, launch: Launch) -> TrialJob:
        """Start it, from the trial's newest checkpoint where there is one.

        Raises:
            TrialError: it cannot be started.
        """

    def follow(self, launch: Launch) -> Follower:
        """Start the processes of a further node, after those of node 0.

        Raises:
            TrialError: they cannot be started.
        """


class StudyDriver(Protocol):
    """What the controller offers to a scheduler; every call is made on the scheduler's own thread."""

    def next_trial(self) -> Launch | Wait | None:
        """The next trial to start or to go on with; None when there is nothing more to run, ever.

        `Wait.WAIT` is only answered while a trial runs.
        """

    def on_start(self, trial: TrialId) -> None:
        """The trial got its resources."""

    def on_report(self, trial: TrialId, report: Report) -> bool:
        """Record one epoch; True asks the scheduler to stop the trial, for good or for now."""

    def on_end(self, trial: TrialId, failure: Exception | None) -> None:
        """The trial's process is gone; what becomes of the trial is the driver's to decide."""

    def should_stop(self) -> bool:
        """Whether the budget is spent: start nothing more, stop what runs."""

    def interrupt(self) -> None:
        """The user wants a break: what ends from now on was stopped, and can go on later."""


class Scheduler(Protocol):
    """Runs trials side by side on whatever hardware there is, until the driver has no more."""

    def run(self, driver: StudyDriver, make_job: JobFactory) -> None:
        """Return when no trial is left running; interrupted, stop all, then raise KeyboardInterrupt."""


class FinalCheck(Protocol):
    """Measures finished models on frames that tuning never read."""

    def __call__(self, records: Sequence[TrialRecord]) -> Mapping[TrialId, float]:
        """The study's metric of each trial's kept checkpoint; a trial that cannot be measured is left out."""


class Tracker(Protocol):
    """Shows a study to people. A tracker that fails is a warning, never the end of a trial."""

    def study_started(self, sheet: StudySheet, past: Sequence[TrialRecord] = ()) -> None:
        """A study begins, or goes on with the trials of its past."""

    def trial_started(self, record: TrialRecord) -> None:
        """A child run begins."""

    def trial_reported(self, trial: TrialId, report: Report) -> None:
        """One epoch's numbers, at ``step=epoch``."""

    def trial_ended(self, record: TrialRecord, *, is_incumbent: bool) -> None:
        """Final state and headline metric of a trial, and whether it is now the best."""

    def study_ended(self, summary: Mapping[str, object], kept: Sequence[TrialRecord]) -> None:
        """The summary that ``automl status --json`` shows, and the trials whose checkpoints are kept."""
