"""Share of the GPU-seconds that trials get, and what a trial costs beside them: ours, and Ray Tune alone.

GPUs are logical: trials sleep, so that only scheduling is measured. The rivals take turns on one Ray; a first
turn of one trial a GPU, without sleep, does not count, since Ray starts its first workers then.

python benchmarks/scheduler.py [--gpus 1 4 16] [--rounds 4] [--seconds 0 10]
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from automl.adapters.ray_tune import RayScheduler
from automl.ports import Launch
from automl.trials.folder import TrialFolder
from automl.types import Report, Resources, TrialId

import ray  # isort: skip  # after the adapter, which sets Ray's switches
from ray import tune  # isort: skip
from ray.tune import Trainable  # isort: skip


class Nap:
    """A trial that holds its GPU for a while and reports nothing."""

    def __init__(self, launch: Launch) -> None:
        self._seconds = float(TrialFolder(launch.folder).spec.read_text())

    def next_report(self) -> Report | None:
        """Nap, then end."""
        time.sleep(self._seconds)
        return None

    def stop(self) -> None:
        """Nothing runs."""


class Queue:
    """A driver with nothing to decide."""

    def __init__(self, folders: list[Path]) -> None:
        self._waiting = list(folders)

    def next_trial(self) -> Launch | None:
        """The next nap."""
        return Launch(TrialId(self._waiting[-1].name), self._waiting.pop()) if self._waiting else None

    def on_start(self, trial: TrialId) -> None:
        """Nothing to record."""

    def on_report(self, trial: TrialId, report: Report) -> bool:  # noqa: ARG002
        """Stop nothing."""
        return False

    def on_end(self, trial: TrialId, failure: Exception | None) -> None:
        """Fail with the trial: what it took would be worth nothing."""
        if failure is not None:
            raise RuntimeError(f"trial {trial} failed") from failure

    def should_stop(self) -> bool:
        """No budget ends."""
        return False

    def interrupt(self) -> None:
        """Nothing to note."""


class NapTrainable(Trainable):  # type: ignore[misc]  # ray is untyped
    """The same for Ray Tune alone."""

    def step(self) -> dict[str, Any]:
        """Nap, then end."""
        time.sleep(self.config["seconds"])
        return {"done": True}

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Take the next trial."""
        self.config = new_config
        return True


def run_ours(trials: int, seconds: float, gpus: int) -> None:
    with tempfile.TemporaryDirectory() as root:
        folders = [Path(root) / str(index) for index in range(trials)]
        for folder in folders:
            folder.mkdir()
            TrialFolder(folder).spec.write_text(str(seconds))
        RayScheduler(Resources(gpus_per_trial=1, max_concurrent=gpus)).run(Queue(folders), Nap)


def run_tune(trials: int, seconds: float, gpus: int, *, reuse: bool) -> None:
    with tempfile.TemporaryDirectory() as root:
        tune.run(
            NapTrainable,
            config={"seconds": seconds},
            num_samples=trials,
            resources_per_trial={"cpu": 1, "gpu": 1},
            max_concurrent_trials=gpus,
            reuse_actors=reuse,
            storage_path=root,
            verbose=0,
        )


RIVALS: Mapping[str, Callable[[int, float, int], None]] = {
    "ours": run_ours,
    "Ray Tune": lambda trials, seconds, gpus: run_tune(trials, seconds, gpus, reuse=False),
    "Ray Tune, reused actors": lambda trials, seconds, gpus: run_tune(trials, seconds, gpus, reuse=True),
}


def measure(gpus: int, trials: int, seconds: float, turns: int) -> dict[str, float]:
    """Median wall seconds of each rival."""
    taken: dict[str, list[float]] = {name: [] for name in RIVALS}
    for _ in range(turns):
        for name, run in RIVALS.items():
            began = time.perf_counter()
            run(trials, seconds, gpus)
            taken[name].append(time.perf_counter() - began)
    return {name: median(times) for name, times in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gpus", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--rounds", type=int, default=4, help="trials of each GPU")
    parser.add_argument("--seconds", type=float, nargs="+", default=[0.0, 10.0])
    parser.add_argument("--turns", type=int, default=2)
    options = parser.parse_args()
    for name in ("ray", "ray.tune"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    print(f"{os.cpu_count()} CPUs, {options.rounds} trials a GPU, median of {options.turns} turns\n")
    print(f"{'GPUs':>4} {'trial':>7}  {'':24} {'wall':>8} {'a trial':>9} {'used':>6}  ours / it")
    for gpus in options.gpus:
        ray.init(address="local", num_cpus=gpus, num_gpus=gpus, include_dashboard=False, log_to_driver=False)
        trials = options.rounds * gpus
        for run in RIVALS.values():
            run(gpus, 0.0, gpus)
        for seconds in options.seconds:
            found = measure(gpus, trials, seconds, options.turns)
            for name, wall in found.items():
                used = trials * seconds / (gpus * wall)
                print(
                    f"{gpus:>4} {seconds:>6g}s  {name:24} {wall:>7.1f}s {wall / trials:>8.3f}s "
                    f"{used:>6.1%}  {found['ours'] / wall:.2f}",
                    flush=True,
                )
        ray.shutdown()


if __name__ == "__main__":
    main()
