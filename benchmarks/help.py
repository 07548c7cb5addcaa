"""How long ``--help`` takes: the program and each of its commands, beside MLflow's, median of five.

    python benchmarks/help.py

Wall time is what a user waits on an idle machine; on a loaded one processor time says what is the program's.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from automl.cli.main import COMMANDS

_SCRIPTS = Path(sys.executable).parent
_TIMES = 5
_LIMIT_S = 0.4


def measure(*words: str) -> tuple[float, float]:
    """Median wall and processor time of one command line, in seconds."""
    taken = [_measure_once(words) for _ in range(_TIMES)]
    wall, cpu = zip(*taken, strict=True)
    return statistics.median(wall), statistics.median(cpu)


def _measure_once(words: tuple[str, ...]) -> tuple[float, float]:
    before, began = _processor_s(), time.perf_counter()
    subprocess.run([_SCRIPTS / words[0], *words[1:]], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began, _processor_s() - before


def _processor_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Print a row a command, then the slowest against the limit and against MLflow's."""
    slowest = 0.0
    print(f"{'command':<24}{'wall s':>8}{'cpu s':>8}")
    for name in ("", *COMMANDS):
        wall, cpu = measure("automl", *([name] if name else []), "--help")
        slowest = max(slowest, cpu)
        print(f"{'automl ' + name:<24}{wall:>8.2f}{cpu:>8.2f}", flush=True)
    wall, rival = measure("mlflow", "--help")
    print(f"{'mlflow':<24}{wall:>8.2f}{rival:>8.2f}")
    print(
        f"slowest {slowest:.2f} s of processor time (limit {_LIMIT_S} s), {slowest / rival:.2f} of mlflow's"
    )


if __name__ == "__main__":
    main()
