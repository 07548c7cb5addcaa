"""What all rounds need and none should wait for: skill, empty store, cluster, undisturbed tables."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from mlflow import MlflowClient

from tests.fakes.fake_skill import write_fake_skill
from tests.faults import ranks
from tests.faults.fate import share_fate
from tests.faults.rounds import Stage
from tests.faults.study import SIDE_BY_SIDE, Controller, FaultyStudy

__all__ = ["set_stage"]


@contextmanager
def set_stage(root: Path, *, has_ray: bool, seeds: int = 3, lanes: int = 1) -> Iterator[Stage]:
    """Prepare rounds, and clear away what they shared.

    Args:
        root: folder for everything.
        has_ray: whether a cluster is wanted.
        seeds: so many studies are run undisturbed, to be compared with.
        lanes: so many rounds will be played at once.
    """
    skill, ranked = write_fake_skill(root / "skill"), _write_ranked_skill(root / "ranked")
    store = root / "empty.db"
    with _cluster(lanes * SIDE_BY_SIDE) if has_ray else _no_cluster() as read_address:
        assert Controller(lambda: _migrate(store), root / "migrate.log").wait(300) == 0
        expected = _run_undisturbed(root, skill, store, seeds)
        yield Stage(root, skill, ranked, store, expected, read_address())


def _run_undisturbed(root: Path, skill: Path, store: Path, seeds: int) -> dict[int, list[tuple[Any, ...]]]:
    """The final table for each seed."""
    studies = {seed: FaultyStudy(root / f"undisturbed-{seed}", skill, seed) for seed in range(seeds)}
    for study in studies.values():
        study.store_file().parent.mkdir(parents=True)
        shutil.copyfile(store, study.store_file())
    for study, controller in [(study, study.begin()) for study in studies.values()]:
        assert controller.wait(300) == 0, study.log.read_text()
    return {seed: study.table() for seed, study in studies.items()}


def _write_ranked_skill(root: Path) -> Path:
    skill = write_fake_skill(root)
    info = skill / "references" / "skill_info.yaml"
    info.write_text(info.read_text().replace(str(ranks.TRAINER), ranks.__file__))
    return skill


def _migrate(store: Path) -> int:
    MlflowClient(f"sqlite:///{store}").search_experiments()
    return 0


@contextmanager
def _no_cluster() -> Iterator[Callable[[], None]]:
    yield lambda: None


@contextmanager
def _cluster(cpus: int) -> Iterator[Callable[[], str]]:
    """A Ray cluster on loopback that outlives its controllers, as clusters do; who needs it waits for it."""
    home = Path(f"/tmp/automl-faults-ray-{os.getpid()}")  # noqa: S108 - sockets need short names
    code = (
        "import shutil, signal, sys, threading\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit())\n"
        "from automl.adapters.ray_cluster import ray, stay_on_loopback\n"
        "stay_on_loopback()\n"
        f"ray.init(address='local', num_cpus={cpus}, include_dashboard=False, _temp_dir={str(home)!r},\n"
        "         object_store_memory=100 * 2**20, log_to_driver=False)\n"
        "print(ray.get_runtime_context().gcs_address, flush=True)\n"
        "try:\n"
        "    threading.Event().wait()\n"
        "finally:\n"
        "    ray.shutdown()\n"
        f"    shutil.rmtree({str(home)!r}, ignore_errors=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "RAY_enable_worker_prestart": "0", "RAY_prestart_worker_first_driver": "0"},
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=partial(share_fate, signal.SIGTERM),
    )

    def read_address() -> str:
        assert process.stdout is not None
        address = process.stdout.readline().decode().strip()
        assert address, "no cluster"
        return address

    try:
        yield read_address
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
