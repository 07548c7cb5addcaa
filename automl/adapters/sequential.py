"""The scheduler port in its simplest form: one trial at a time, in this process; for plain jobs and tests."""

from __future__ import annotations

from pathlib import Path

from automl.errors import TrialError
from automl.ports import JobFactory, StudyDriver
from automl.trials.folder import TrialFolder
from automl.types import TrialId

__all__ = ["SequentialScheduler"]


class SequentialScheduler:
    """Runs trials one after another."""

    def run(self, driver: StudyDriver, make_job: JobFactory) -> None:
        """Return when no trial is left.

        Raises:
            KeyboardInterrupt: the user's; the running trial was stopped before.
        """
        while not driver.should_stop() and (prepared := driver.next_trial()) is not None:
            trial, folder = prepared
            driver.on_start(trial)
            try:
                failure = self._run_trial(driver, make_job, trial, folder)
            except KeyboardInterrupt:
                driver.interrupt()
                driver.on_end(trial, None)
                raise
            driver.on_end(trial, failure)

    def _run_trial(
        self, driver: StudyDriver, make_job: JobFactory, trial: TrialId, folder: Path
    ) -> TrialError | None:
        try:
            job = make_job(folder)
        except TrialError as error:
            return error
        try:
            while (report := job.next_report()) is not None:
                if driver.on_report(trial, report) or driver.should_stop():
                    TrialFolder(folder).stop_request.touch()
        except TrialError as error:
            return error
        finally:
            job.stop()
        return None
