"""What all rounds need and none should wait for: skill, empty store, cluster, undisturbed tables."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mlflow import MlflowClient

from tests.fakes.fake_skill import write_fake_skill
from tests.faults.rounds import Stage
from tests.faults.study import Controller, FaultyStudy

__all__ = ["set_stage"]

_SERVER_STARTS_S = 90.0


@contextmanager
def set_stage(root: Path, *, has_ray: bool, seeds: int = 3) -> Iterator[Stage]:
    """Prepare rounds, and clear away what they shared.

    Args:
        root: folder for everything.
        has_ray: whether a cluster is wanted.
        seeds: so many studies are run undisturbed, to be compared with.
    """
    skill = write_fake_skill(root / "skill")
    store = root / "empty.db"
    assert Controller(lambda: _migrate(store), root / "migrate.log").wait(300) == 0
    expected = {}
    for seed in range(seeds):
        place = root / f"undisturbed-{seed}"
        (place / "results").mkdir(parents=True)
        study = FaultyStudy(place, skill, seed)
        shutil.copyfile(store, study.store_file())
        assert study.begin().wait(300) == 0, (place / "controller.log").read_text()
        expected[seed] = study.table()
    with _cluster() if has_ray else _no_cluster() as address:
        yield Stage(root, skill, store, expected, address, _tracking_server)


def _migrate(store: Path) -> int:
    MlflowClient(f"sqlite:///{store}").search_experiments()
    return 0


@contextmanager
def _no_cluster() -> Iterator[None]:
    yield None


@contextmanager
def _cluster() -> Iterator[str]:
    """A Ray cluster on loopback that outlives its controllers, as clusters do."""
    home = Path(f"/tmp/automl-faults-ray-{os.getpid()}")  # noqa: S108 - sockets need short names
    code = (
        "import sys, threading\n"
        "from automl.adapters.ray_tune import _stay_on_loopback, ray\n"
        "_stay_on_loopback()\n"
        f"ray.init(address='local', num_cpus=4, include_dashboard=False, _temp_dir={str(home)!r},\n"
        "         object_store_memory=100 * 2**20, log_to_driver=False)\n"
        "print(ray.get_runtime_context().gcs_address, flush=True)\n"
        "import signal; signal.signal(signal.SIGINT, lambda *_: sys.exit())\n"
        "threading.Event().wait()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().decode().strip()
        assert address, "no cluster"
        yield address
    finally:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _tracking_server(store: Path) -> Iterator[tuple[str, int]]:
    """A tracking server on a database; its address and the id of its process group."""
    port = _free_port()
    words = [
        "server",
        "--backend-store-uri",
        f"sqlite:///{store}",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", *words, "--workers", "1"], cwd=store.parent, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}"
        _await(f"{address}/health")
        yield address, process.pid
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGCONT)
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _await(address: str) -> None:
    deadline = time.monotonic() + _SERVER_STARTS_S
    while time.monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(address, timeout=2):  # noqa: S310 - our own loopback
            return
        time.sleep(0.2)
    raise AssertionError(f"{address} does not answer")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
