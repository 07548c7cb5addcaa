"""The scheduler port in its simplest form: one trial at a time, in this process; for plain jobs and tests."""

from __future__ import annotations

import threading

from automl.errors import TrialError
from automl.ports import JobFactory, Launch, StudyDriver
from automl.trials.folder import TrialFolder
from automl.trials.interrupts import deferred_interrupts

__all__ = ["SequentialScheduler"]


class SequentialScheduler:
    """Runs trials one after another."""

    def __init__(self) -> None:
        self._current: Launch | None = None

    def run(self, driver: StudyDriver, make_job: JobFactory) -> None:
        """Return when no trial is left.

        Raises:
            KeyboardInterrupt: the user's; the running trial was stopped before.
        """
        with deferred_interrupts(self._stop_current) as interrupted:
            while not (interrupted.is_set() or driver.should_stop()):
                launch = driver.next_trial()
                if not isinstance(launch, Launch):
                    break
                driver.on_start(launch.trial)
                failure = self._run_trial(driver, make_job, launch, interrupted)
                if interrupted.is_set():
                    driver.interrupt()
                driver.on_end(launch.trial, failure)
        if interrupted.is_set():
            raise KeyboardInterrupt

    def _run_trial(
        self, driver: StudyDriver, make_job: JobFactory, launch: Launch, interrupted: threading.Event
    ) -> TrialError | None:
        self._current = launch
        try:
            job = make_job(launch)
        except TrialError as error:
            return error
        try:
            if interrupted.is_set():
                return None
            while (report := job.next_report()) is not None:
                if driver.on_report(launch.trial, report) or driver.should_stop():
                    TrialFolder(launch.folder).stop_request.touch()
        except TrialError as error:
            return error
        finally:
            self._current = None
            job.stop()
        return None

    def _stop_current(self) -> None:
        """Ask the running trial to leave; what waits for its next epoch sees it within a moment."""
        if self._current is not None:
            TrialFolder(self._current.folder).stop_request.touch()
