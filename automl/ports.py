"""The plugs between what decides and what does; the controller knows nothing else of the outside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from automl.types import Params, Report, TrialId, TrialRecord

__all__ = ["EarlyStopper", "Scheduler", "Searcher", "StudyDriver", "Tracker", "TrialJob"]


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
        """Whether the budget is spent or the user asked for the end."""


class Scheduler(Protocol):
    """Runs trials side by side on whatever hardware there is, until the driver has no more."""

    def run(self, driver: StudyDriver, make_job: Callable[[Path], TrialJob]) -> None:
        """Return when no trial is left running; on KeyboardInterrupt stop all trials, then raise it again."""


class Tracker(Protocol):
    """Shows a study to people. A tracker that fails is a warning, never the end of a trial."""

    def trial_started(self, record: TrialRecord) -> None:
        """A child run begins."""

    def trial_reported(self, trial: TrialId, report: Report) -> None:
        """One epoch's numbers, at ``step=epoch``."""

    def trial_ended(self, record: TrialRecord, artifacts: Sequence[Path]) -> None:
        """Final state, headline metric and files of a trial."""
