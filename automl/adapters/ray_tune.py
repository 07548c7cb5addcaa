"""The only door to Ray: Tune's loop places trials on CPUs and GPUs, the study's driver decides.

How the ports meet Tune: a Tune *searcher* asks the driver for trials and tells it of their end, a Tune
*scheduler* hands it every epoch, and a class *trainable* holds the trial's job in Ray's worker. A stop always
travels as a file in the trial's folder, so that the driver hears of a trial's end only after its processes
are gone, whoever asked for the stop. Workers are reused, since a new one costs two seconds of a core; so a
worker that becomes free takes a new trial, or one that waits for resources, and never the place of one that
starts, which Tune would drop.
"""

from __future__ import annotations

import logging
import math
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
os.environ.setdefault("RAY_CHDIR_TO_TRIAL_DIR", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("TUNE_DISABLE_AUTO_CALLBACK_LOGGERS", "1")
os.environ.setdefault("TUNE_DISABLE_SIGINT_HANDLER", "1")
os.environ.setdefault("TUNE_GLOBAL_CHECKPOINT_S", "3600")
os.environ.setdefault("RAY_raylet_start_wait_time_s", "90")  # its own 30 s are short on a busy machine

import ray
from ray import tune
from ray._private import ray_constants, worker
from ray.tune import Callback, Trainable, TuneError
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher

from automl.adapters.ray_nodes import announce_gpus, start_on_nodes
from automl.adapters.scratch import scratch_folder
from automl.errors import EnvironmentUnusableError, TrialError
from automl.ports import JobFactory, Launch, StudyDriver, TrialFailedError, TrialJob, Wait
from automl.trials.folder import TrialFolder
from automl.trials.interrupts import deferred_interrupts
from automl.types import Cause, Resources

__all__ = ["RayScheduler"]

_OBJECT_STORE_BYTES = 100 * 2**20
_NO_IDLE_WORKERS = {"prestart_worker_first_driver": False}
"""Ray starts a worker a core ahead, without the environment that Tune gives to its own: none is ever used."""
_VITAL = {ray_constants.PROCESS_TYPE_RAYLET, ray_constants.PROCESS_TYPE_GCS_SERVER}
_JOIN_HINT = (
    "check --ray-address, or leave it out to start Ray on this machine; a cluster that asks for a token "
    "needs RAY_AUTH_MODE=token and the token in ~/.ray/auth_token or RAY_AUTH_TOKEN"
)
_START_HINT = "look for what kills or starves it, often a lack of memory"
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
        with _cluster(self._resources), deferred_interrupts() as interrupted:
            _check_fit(self._resources)
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
        count_waiting: says how many trials wait for resources; the relay knows, from Tune's first step on.
    """

    def __init__(self, driver: StudyDriver, resources: Resources) -> None:
        super().__init__(metric=None, mode=None)
        self.driver = driver
        self.live: dict[str, Launch] = {}
        self.error: Exception | None = None
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
            failure = TrialFailedError(Cause.INFRASTRUCTURE, "Ray lost the worker of this trial")
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
            _check_life()
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


def _check_fit(resources: Resources) -> None:
    """Refuse at once what would wait for ever; a cluster that grows by itself may still be too small now."""
    shapes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    fitting = [
        shape
        for shape in shapes
        if shape.get("CPU", 0) >= resources.cpus_per_trial and shape.get("GPU", 0) >= resources.gpus_per_trial
    ]
    if len(fitting) >= resources.nodes_per_trial:
        return
    largest = max(shapes, key=lambda shape: (shape.get("GPU", 0), shape.get("CPU", 0)))
    raise EnvironmentUnusableError(
        f"a trial asks for {resources.nodes_per_trial} node(s) with {resources.gpus_per_trial:g} GPUs and "
        f"{resources.cpus_per_trial:g} CPUs each; {len(fitting)} of {len(shapes)} nodes have that, "
        f"the largest has {largest.get('GPU', 0):g} GPUs and {largest.get('CPU', 0):g} CPUs",
        where="--gpus-per-trial, --cpus-per-trial, --nodes-per-trial",
        hint="ask for less, or join a larger cluster with --ray-address",
    )


def _check_life() -> None:
    """Refuse to go on without the Ray that was started here, before Ray ends this process without a word."""
    node = worker._global_node
    dead = [kind for kind, _ in node.dead_processes()] if node is not None else []
    if set(dead) & _VITAL:
        raise EnvironmentUnusableError(
            f"Ray on this machine died: {', '.join(dead)}",
            where="ray",
            hint="look for what killed it, often a lack of memory; nothing that was recorded is lost",
        )


@contextmanager
def _cluster(resources: Resources) -> Iterator[None]:
    """Ray on loopback in a folder of its own, or a running cluster; left as it was found.

    A process that is connected to Ray already stays so.
    """
    if ray.is_initialized():
        yield
        return
    for name in ("ray", "ray.tune"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    short = Path("/tmp")  # noqa: S108 - a folder of its own there; Ray's sockets allow no long path
    own = nullcontext() if resources.ray_address else scratch_folder("automl-ray-", short)
    with own as home:
        try:
            _join(resources, home)
            yield
        finally:
            ray.shutdown()


def _join(resources: Resources, home: Path | None) -> None:
    try:
        with _own_signals():
            _start(resources, home)
    except Exception as error:  # Ray raises no narrower one when a process of its own dies as it starts
        raise EnvironmentUnusableError(
            f"Ray cannot be {'joined' if home is None else 'started'}: {error}",
            where=resources.ray_address or "this machine",
            hint=_START_HINT if home else _JOIN_HINT,
        ) from error


@contextmanager
def _own_signals() -> Iterator[None]:
    """Keep SIGTERM what it was: Ray takes it over as it starts, to leave at once, with exit code 15."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    except SystemExit as end:
        raise KeyboardInterrupt from end
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


def _start(resources: Resources, home: Path | None) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    if home is None:
        ray.init(address=resources.ray_address, **quiet)
        return
    _stay_on_loopback()
    ray.init(
        address="local",
        num_cpus=max(os.cpu_count() or 1, math.ceil(resources.max_concurrent * resources.cpus_per_trial)),
        object_store_memory=_OBJECT_STORE_BYTES,
        include_dashboard=False,
        _temp_dir=str(home),
        _system_config=_NO_IDLE_WORKERS,
        **quiet,
    )


def _stay_on_loopback() -> None:
    """Make Ray listen on 127.0.0.1 alone.

    Ray replaces that address by the machine's public one wherever it is asked for, except on systems where it
    supports no clusters; its own switch for that, read at import, is the only way.
    """
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    ray_constants.ENABLE_RAY_CLUSTER = False
