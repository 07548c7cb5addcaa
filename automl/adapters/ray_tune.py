"""The door to Ray Tune: its loop places trials on CPUs and GPUs, the study's driver decides.

How the ports meet Tune: a Tune *searcher* asks the driver for trials and tells it of their end, a Tune
*scheduler* hands it every epoch, and a class *trainable* holds the trial's job in Ray's worker. A stop always
travels as a file in the trial's folder, so that the driver hears of a trial's end only after its processes
are gone, whoever asked for the stop. Workers are reused, since a new one costs two seconds of a core; so a
worker that becomes free takes a new trial, or one that waits for resources, and never the place of one that
starts, which Tune would drop.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from automl.adapters.ray_cluster import check_fit, check_life, cluster  # first: Ray reads its settings there

os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
os.environ.setdefault("RAY_CHDIR_TO_TRIAL_DIR", "0")
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "3600")

from ray import tune
from ray.air.execution._internal.actor_manager import RayActorManager
from ray.exceptions import RayActorError, RayError, RayTaskError
from ray.tune import Callback, Trainable, TuneError
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher

from automl.adapters.ray_nodes import announce_gpus, start_on_nodes
from automl.adapters.scratch import scratch_folder
from automl.errors import TrialError
from automl.ports import JobFactory, Launch, StudyDriver, TrialFailedError, TrialJob, Wait
from automl.trials.folder import TrialFolder
from automl.trials.interrupts import deferred_interrupts
from automl.types import Cause, Resources

__all__ = ["RayScheduler"]

_LAUNCH, _REPORT, _FAILURE, _DONE = "launch", "report", "failure", "done"


class RayScheduler:
    """Runs trials side by side on this machine's own Ray, or on a running cluster.

    Args:
        resources: the shape of a trial, how many may run at once, and the cluster's address.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def run(self, driver: StudyDriver, make_job: JobFactory) -> None:
        """Return when no trial is left running.

        Raises:
            KeyboardInterrupt: SIGINT or SIGTERM came; all trials were stopped before.
            EnvironmentUnusableError: Ray cannot be started or joined, or no trial can ever fit on its nodes.
        """
        feed = _Feed(driver, self._resources)
        with cluster(self._resources), deferred_interrupts() as interrupted:
            check_fit(self._resources)
            try:
                self._tune(feed, make_job, interrupted)
            except TuneError:
                if feed.error is None:
                    raise
                raise feed.error from None
        if interrupted.is_set():
            raise KeyboardInterrupt

    def _tune(self, feed: _Feed, make_job: JobFactory, interrupted: threading.Event) -> None:
        os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(self._resources.max_concurrent)  # the feed has its own
        with scratch_folder("automl-tune-") as storage:
            tune.run(
                tune.with_parameters(_Worker, make_job=make_job, resources=self._resources),
                name="study",
                config={},
                num_samples=-1,
                search_alg=feed,
                scheduler=_EpochRelay(feed),
                callbacks=[_Watch(feed, interrupted)],
                resources_per_trial=_placement(self._resources),
                reuse_actors=True,
                storage_path=str(storage),
                raise_on_failed_trial=False,
                verbose=0,
            )


class _Worker(Trainable):  # type: ignore[misc]  # ray is untyped
    """Holds one job at a time inside Ray's worker process."""

    def setup(
        self, config: dict[str, Any], make_job: JobFactory | None = None, resources: Resources | None = None
    ) -> None:
        assert make_job is not None
        assert resources is not None
        announce_gpus()
        self._make_job = make_job
        self._resources = resources
        self._job: TrialJob | None = None
        self._launch: Launch = config[_LAUNCH]

    def step(self) -> dict[str, Any]:
        try:
            report = self._next_report()
        except TrialFailedError as error:
            return {_DONE: True, _FAILURE: error}
        except TrialError as error:
            return {_DONE: True, _FAILURE: TrialFailedError(Cause.INFRASTRUCTURE, str(error))}
        return {_DONE: True, _FAILURE: None} if report is None else {_DONE: False, _REPORT: report}

    def _next_report(self) -> Any:
        if self._job is None:
            folder = TrialFolder(self._launch.folder)
            if folder.stop_request.exists():
                return None
            if not folder.spec.exists():
                raise TrialError(
                    f"is not there on the node {socket.gethostname()}",
                    where=str(folder.spec),
                    hint="give a --results-dir that all nodes share",
                )
            is_alone = self._resources.nodes_per_trial == 1
            self._job = (
                self._make_job(self._launch)
                if is_alone
                else start_on_nodes(self._make_job, self._launch, self._resources)
            )
        return self._job.next_report()

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.cleanup()
        self._launch = new_config[_LAUNCH]
        return True

    def cleanup(self) -> None:
        if self._job is not None:
            self._job.stop()
        self._job = None


class _Feed(Searcher):  # type: ignore[misc]  # ray is untyped
    """Asks the driver for trials while there is room, and tells it of their end.

    On this machine all trials are asked for at once. A cluster may be smaller than planned, and what waits
    for resources was proposed too early; so one trial at a time waits there, which makes a cluster grow that
    can.

    Attributes:
        error: what the driver itself raised; Ray would pass on no more than its text.
        loss: what Ray said of the last worker that it lost.
        count_waiting: says how many trials wait for resources; the relay knows, from Tune's first step on.
    """

    def __init__(self, driver: StudyDriver, resources: Resources) -> None:
        super().__init__(metric=None, mode=None)
        self.driver = driver
        self.live: dict[str, Launch] = {}
        self.error: Exception | None = None
        self.loss = ""
        self.count_waiting: Callable[[], int] = lambda: 0
        self._max_concurrent = resources.max_concurrent
        self._most_waiting = 1 if resources.ray_address else resources.max_concurrent
        self._asked_in_step = 0
        self._is_halted = False

    def begin_step(self) -> None:
        """Tune has requested resources for all that was asked for before."""
        self._asked_in_step = 0

    def suggest(self, trial_id: str) -> Any:
        waiting = self._asked_in_step + self.count_waiting()
        if len(self.live) >= self._max_concurrent or waiting >= self._most_waiting:
            return None
        with self.remembering():
            prepared = None if self._is_halted else self.driver.next_trial()
        if isinstance(prepared, Wait):
            return None
        if prepared is None:
            return Searcher.FINISHED
        self.live[trial_id] = prepared
        self._asked_in_step += 1
        return {_LAUNCH: replace(prepared, folder=prepared.folder.resolve())}

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        launch = self.live.pop(trial_id)
        failure = (result or {}).get(_FAILURE)
        if error:
            failure = TrialFailedError(
                Cause.INFRASTRUCTURE, f"Ray lost the worker of this trial\n{self.loss}"
            )
        with self.remembering():
            self.driver.on_end(launch.trial, failure)

    @contextmanager
    def remembering(self) -> Iterator[None]:
        """Keep an exception of the driver, to be raised again as it was."""
        try:
            yield
        except Exception as error:
            self.error = self.error or error
            raise

    def halt(self) -> None:
        """Start nothing more and stop what runs."""
        self._is_halted = True
        for launch in self.live.values():
            TrialFolder(launch.folder).stop_request.touch()

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the study's events are the state."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: the study's events are the state."""

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Nothing: the relay has handed the epoch on."""


class _EpochRelay(FIFOScheduler):  # type: ignore[misc]  # ray is untyped
    """Hands every epoch to the driver; what it stops is asked to leave by the stop file.

    Also says who takes a worker that became free. Tune's own first-in-first-out gives it to the oldest trial
    that does not run yet and drops the worker that starts for that one: where trials are shorter than the
    start of a worker, or cores few, the study never came to as many workers as there was room for.
    """

    def __init__(self, feed: _Feed) -> None:
        super().__init__()
        self._feed = feed

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        """The first trial that waits for resources, to be moved to a free worker if there is one.

        Those whose worker starts keep it; new ones take a free worker without being chosen.
        """
        manager = tune_controller._actor_manager
        self._feed.count_waiting = lambda: manager.num_pending_actors
        waiting = set(manager.pending_actors)
        places = tune_controller._trial_to_actor.items() if waiting else ()
        return next((trial for trial, actor in places if actor in waiting), None)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> Any:  # noqa: ARG002
        launch = self._feed.live[trial.trial_id]
        with self._feed.remembering():
            if self._feed.driver.on_report(launch.trial, result[_REPORT]):
                TrialFolder(launch.folder).stop_request.touch()
        return FIFOScheduler.CONTINUE

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:  # noqa: ARG002
        """Keep what Ray says of a lost worker: the feed hears next that there was a loss, and no more."""
        told = Path(trial.error_file).read_text("utf-8") if trial.error_file else ""
        self._feed.loss = "".join(told.splitlines()[1:2])  # below the line that counts Tune's attempts


class _Watch(Callback):  # type: ignore[misc]  # ray is untyped
    """Looks at budget and signals several times a second, and says when a trial got its resources."""

    def __init__(self, feed: _Feed, interrupted: threading.Event) -> None:
        self._feed = feed
        self._interrupted = interrupted

    def on_trial_start(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:  # noqa: ARG002
        launch = self._feed.live[trial.trial_id]
        with self._feed.remembering():
            self._feed.driver.on_start(launch.trial)

    def on_step_begin(self, iteration: int, trials: Any, **info: Any) -> None:  # noqa: ARG002
        self._feed.begin_step()
        with self._feed.remembering():
            check_life()
        if self._interrupted.is_set():
            self._feed.driver.interrupt()
            self._feed.halt()
        elif self._feed.driver.should_stop():
            self._feed.halt()


def _placement(resources: Resources) -> tune.PlacementGroupFactory:
    """One bundle per node; the worker lives in the first."""
    bundle = {"CPU": resources.cpus_per_trial}
    if resources.gpus_per_trial:
        bundle["GPU"] = resources.gpus_per_trial
    strategy = "STRICT_SPREAD" if resources.nodes_per_trial > 1 else "PACK"
    return tune.PlacementGroupFactory([bundle] * resources.nodes_per_trial, strategy=strategy)


def _tell_losses(handle: Callable[..., None]) -> Callable[..., None]:
    """Make any way to lose a worker known to Tune, which ends the whole study for all but one of them.

    A cluster whose nodes are short of memory ends workers by an error of its own kind, for one.
    """

    def handle_known(manager: Any, tracked_actor_task: Any, exception: Exception) -> None:
        if isinstance(exception, RayError) and not isinstance(exception, RayTaskError | RayActorError):
            exception = RayActorError(error_msg=str(exception))
        handle(manager, tracked_actor_task, exception)

    return handle_known


RayActorManager._actor_task_failed = _tell_losses(RayActorManager._actor_task_failed)
