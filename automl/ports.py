"""The plugs between what decides and what does; the controller knows nothing else of the outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from automl.errors import TrialError
from automl.types import Cause, Params, Report, StudySheet, TrialId, TrialRecord

__all__ = [
    "EarlyStopper",
    "FinalCheck",
    "JobFactory",
    "Scheduler",
    "Searcher",
    "StudyDriver",
    "Tracker",
    "TrialFailedError",
    "TrialJob",
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


class Searcher(Protocol):
    """Proposes parameters and learns from results.

    Called from one thread only. The same history in the same order gives the same proposals.
    """

    def suggest(self, trial: TrialId) -> Params | None:
        """Parameters for a new trial, or None when the space is exhausted."""

    def observe(self, trial: TrialId, report: Report) -> None:
        """Take in one epoch of a running trial."""

    def tell(self, record: TrialRecord) -> None:
        """Take in a trial that reached a final state, whoever proposed its parameters."""


class EarlyStopper(Protocol):
    """Says after each epoch whether a trial is worth going on with."""

    def should_stop(self, trial: TrialId, report: Report) -> bool:
        """Whether the trial is hopeless among those seen so far; called once per report, in order."""


class TrialJob(Protocol):
    """One running trial as its scheduler's worker sees it: pull reports until None, or be stopped."""

    def next_report(self) -> Report | None:
        """Block until the next epoch; None when the trainer has ended well.

        Raises:
            TrialFailedError: the trainer ended badly; carries cause and evidence.
        """

    def stop(self) -> None:
        """End the trainer's whole process group (SIGTERM, grace, SIGKILL); idempotent."""


class JobFactory(Protocol):
    """Starts the trainer of a prepared trial folder; picklable, since workers on other machines call it."""

    def __call__(self, folder: Path) -> TrialJob:
        """Start it.

        Raises:
            TrialError: it cannot be started.
        """


class StudyDriver(Protocol):
    """What the controller offers to a scheduler; every call is made on the scheduler's own thread."""

    def next_trial(self) -> tuple[TrialId, Path] | None:
        """Id and prepared folder (``spec.yaml`` written) of the next trial, None when the study is full."""

    def on_start(self, trial: TrialId) -> None:
        """The trial got its resources."""

    def on_report(self, trial: TrialId, report: Report) -> bool:
        """Record one epoch; True asks the scheduler to stop the trial."""

    def on_end(self, trial: TrialId, failure: Exception | None) -> None:
        """The trial's process is gone."""

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

    def study_started(self, sheet: StudySheet) -> None:
        """The parent run begins."""

    def trial_started(self, record: TrialRecord) -> None:
        """A child run begins."""

    def trial_reported(self, trial: TrialId, report: Report) -> None:
        """One epoch's numbers, at ``step=epoch``."""

    def trial_ended(self, record: TrialRecord, *, is_incumbent: bool) -> None:
        """Final state and headline metric of a trial, and whether it is now the best."""

    def study_ended(self, summary: Mapping[str, object], kept: Sequence[TrialRecord]) -> None:
        """The summary that ``automl status --json`` shows, and the trials whose checkpoints are kept."""
