"""How many epochs `auto` needs to find what random search finds with its whole budget, on the real detector.

    python benchmarks/detector_search.py --data DIR [--seeds 3] [--epochs 120] [--results-dir DIR]

DIR holds converted data of `bevfusion demo_data`. Each search is a study of its own, one trial at a time,
with the same space, profile, seed and total epochs; `auto` is stopped once it has what random search found. A
study that is there already is read, not run again, and one that was interrupted goes on.

120 epochs are 24 full trainings. A third of far fewer is gone before anybody can have learned: the default
and the first draws take 16 epochs.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from pathlib import Path
from statistics import mean

from automl.study.events import EpochReported, read_events
from automl.study.store import StudyFolder

_LEAST_EPOCHS = 2
"""No trial takes fewer: with so many trials the epochs end both searches."""
_INTERRUPTED = 130


def search(algorithm: str, seed: int, options: argparse.Namespace, goal: float | None = None) -> list[float]:
    """Best AP11 so far after each epoch of a study, which ends with its budget or once it reaches a goal."""
    name = f"{algorithm}-{seed}"
    folder = StudyFolder((options.results_dir / name).resolve())
    command = [
        *(str(Path(sys.executable).with_name("automl")), "run", "--model", "bevfusion", "--profile", "tiny"),
        *("--space", "quick", "--data", str(options.data), "--algorithm", algorithm, "--seed", str(seed)),
        *("--budget-epochs", str(options.epochs), "--trials", str(options.epochs // _LEAST_EPOCHS)),
        *("--max-concurrent", "1"),
        *("--results-dir", str(options.results_dir), "--study-id", name, "--yes", "--quiet"),
    ]
    if not (folder.best / "metrics.json").is_file() and not _is_reached(folder, goal):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as study:
            while study.poll() is None:
                time.sleep(1.0)
                if _is_reached(folder, goal):
                    study.send_signal(signal.SIGINT)
                    study.wait()
        if study.returncode not in {0, _INTERRUPTED}:
            raise SystemExit(f"{name} ended with exit code {study.returncode}")
    return course_of(folder)


def course_of(folder: StudyFolder) -> list[float]:
    """Best value so far after each epoch that a study knows of."""
    best, course = 0.0, []
    for _, event in read_events(folder.events):
        if isinstance(event, EpochReported):
            best = max(best, event.report.value or 0.0)
            course.append(best)
    return course


def _is_reached(folder: StudyFolder, goal: float | None) -> bool:
    return goal is not None and epochs_until(course_of(folder), goal) is not None


def epochs_until(course: list[float], goal: float) -> int | None:
    """The first epoch at which a search has reached a value."""
    return next((epoch for epoch, best in enumerate(course, 1) if best >= goal), None)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--results-dir", type=Path, default=Path("results"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=120)
    options = parser.parse_args()
    print("| seed | AP11 of random | AP11 of auto | epochs that auto needs for random's |\n|---|---|---|---|")
    shares = []
    for seed in range(1, options.seeds + 1):
        random = search("random", seed, options)
        auto = search("auto", seed, options, goal=random[-1])
        needed = epochs_until(auto, random[-1])
        shares.append((needed or len(auto)) / len(random))
        told = f"{needed} of {len(random)}" if needed else f"more than {len(auto)}"
        print(f"| {seed} | {random[-1]:.2f} | {auto[-1]:.2f} | {told} |", flush=True)
    print(f"mean share of random's budget: {100 * mean(shares):.0f} %")


if __name__ == "__main__":
    main()
