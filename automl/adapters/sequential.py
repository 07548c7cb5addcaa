"""The scheduler port in its simplest form: one trial at a time, in this process; for plain jobs and tests."""

from __future__ import annotations

from automl.errors import TrialError
from automl.ports import JobFactory, Launch, StudyDriver
from automl.trials.folder import TrialFolder

__all__ = ["SequentialScheduler"]


class SequentialScheduler:
    """Runs trials one after another."""

    def run(self, driver: StudyDriver, make_job: JobFactory) -> None:
        """Return when no trial is left.

        Raises:
            KeyboardInterrupt: the user's; the running trial was stopped before.
        """
        while not driver.should_stop() and isinstance(launch := driver.next_trial(), Launch):
            driver.on_start(launch.trial)
            try:
                failure = self._run_trial(driver, make_job, launch)
            except KeyboardInterrupt:
                driver.interrupt()
                driver.on_end(launch.trial, None)
                raise
            driver.on_end(launch.trial, failure)

    def _run_trial(self, driver: StudyDriver, make_job: JobFactory, launch: Launch) -> TrialError | None:
        try:
            job = make_job(launch)
        except TrialError as error:
            return error
        try:
            while (report := job.next_report()) is not None:
                if driver.on_report(launch.trial, report) or driver.should_stop():
                    TrialFolder(launch.folder).stop_request.touch()
        except TrialError as error:
            return error
        finally:
            job.stop()
        return None
