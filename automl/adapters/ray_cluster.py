"""Ray itself: started on this machine for one study, or joined where it runs."""

from __future__ import annotations

import logging
import math
import os
import secrets
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_raylet_start_wait_time_s", "90")  # its own 30 s are short on a busy machine

import ray
from ray._private import ray_constants, worker
from ray._raylet import AuthenticationTokenLoader  # type: ignore[attr-defined]  # compiled

from automl.adapters.scratch import scratch_folder
from automl.errors import EnvironmentUnusableError
from automl.types import Resources

__all__ = ["check_fit", "check_life", "cluster", "stay_on_loopback"]

_OBJECT_STORE_BYTES = 100 * 2**20
_SYSTEM = {"prestart_worker_first_driver": False, "memory_monitor_refresh_ms": 0}
"""Ray starts a worker a core ahead, without the environment that Tune gives to its own: none is ever used.

Where memory is short, its monitor ends the youngest worker, and the next while the trainer of that one still
leaves: all trials, one after another, whoever holds the memory. The kernel ends the largest and counts it.
"""
_TOKEN_PATH = "RAY_AUTH_TOKEN_PATH"  # noqa: S105 - the name of a variable
_VITAL = {ray_constants.PROCESS_TYPE_RAYLET, ray_constants.PROCESS_TYPE_GCS_SERVER}
_JOIN_HINT = (
    "check --ray-address, or leave it out to start Ray on this machine; a cluster that asks for a token "
    "needs RAY_AUTH_MODE=token and the token in ~/.ray/auth_token or RAY_AUTH_TOKEN"
)
_START_HINT = "look for what kills or starves it, often a lack of memory"


@contextmanager
def cluster(resources: Resources) -> Iterator[None]:
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
    with own as home, _own_token(home):
        try:
            _join(resources, home)
            yield
        finally:
            ray.shutdown()


@contextmanager
def _own_token(home: Path | None) -> Iterator[None]:
    """A token for the Ray that is started here, in its own folder; one that the environment names stays.

    Ray would keep it in the home of the account, and in a container there may be none to write into.
    """
    if home is None or not os.environ.keys().isdisjoint({_TOKEN_PATH, "RAY_AUTH_TOKEN"}):
        yield
        return
    path = home / "auth_token"
    try:
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32), "ascii")
    except OSError as error:
        hint = "make room there: Ray keeps some megabytes in it while a study runs"
        raise EnvironmentUnusableError(
            f"cannot be written: {error.strerror}", where=str(home), hint=hint
        ) from error
    os.environ[_TOKEN_PATH] = str(path)
    AuthenticationTokenLoader.instance().reset_cache()
    try:
        yield
    finally:
        del os.environ[_TOKEN_PATH]
        AuthenticationTokenLoader.instance().reset_cache()


def check_fit(resources: Resources) -> None:
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


def check_life() -> None:
    """Refuse to go on without the Ray that was started here, before Ray ends this process without a word."""
    node = worker._global_node
    dead = [kind for kind, _ in node.dead_processes()] if node is not None else []
    if set(dead) & _VITAL:
        raise EnvironmentUnusableError(
            f"Ray on this machine died: {', '.join(dead)}",
            where="ray",
            hint="look for what killed it, often a lack of memory; nothing that was recorded is lost",
        )


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
    stay_on_loopback()
    ray.init(
        address="local",
        num_cpus=max(os.cpu_count() or 1, math.ceil(resources.max_concurrent * resources.cpus_per_trial)),
        object_store_memory=_OBJECT_STORE_BYTES,
        include_dashboard=False,
        _temp_dir=str(home),
        _system_config=_SYSTEM,
        **quiet,
    )


def stay_on_loopback() -> None:
    """Make Ray listen on 127.0.0.1 alone.

    Ray replaces that address by the machine's public one wherever it is asked for, except on systems where it
    supports no clusters; its own switch for that, read at import, is the only way.
    """
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    ray_constants.ENABLE_RAY_CLUSTER = False
