"""A study of ten thousand trials that cost nothing: what the controller itself takes, in time and memory.

The rival is the study's own beginning: flat means that the last thousand trials cost what the first did.
In the middle the controller is killed, and another one takes over. Then the commands that read a study.

Run as ``python benchmarks/long_study.py [--trials 10000] [--algorithm random] [--epochs 1] [--keep FOLDER]``.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from automl.adapters.sequential import SequentialScheduler
from automl.app.stored_plan import load_search
from automl.app.strategy import make_strategy
from automl.controller import Ports, StudyPlan, run_study
from automl.ports import Decision, Launch, Promotion, Proposal, Strategy, Wait
from automl.space import Parameter, ParameterKind, SearchSpace
from automl.study.store import StudyFolder
from automl.trials.folder import TrialFolder
from automl.types import (
    Budget,
    Direction,
    Metric,
    Report,
    Resources,
    Spec,
    StudyId,
    StudySheet,
    TrialId,
    TrialRecord,
)

METRIC = Metric("AP11", Direction.MAXIMIZE)
STEP = 1000
COMMANDS = ("status", "list", "replay --verify", "insight", "report")


@dataclass(frozen=True)
class NoJob:
    """Epochs at once, whose value is a function of the trial."""

    epochs: int

    def __call__(self, launch: Launch) -> NoJob.Running:
        """Start a trial, or go on with it."""
        return NoJob.Running(int(launch.trial) * 7919 % 97, range(launch.epochs + 1, self.epochs + 1))

    class Running:
        """What is left of a trial."""

        def __init__(self, height: int, left: range) -> None:
            self._height, self._left = height, iter(left)
            self._epochs = left.stop - 1

        def next_report(self) -> Report | None:
            """The next epoch, None after the last."""
            if (epoch := next(self._left, None)) is None:
                return None
            value = self._height * epoch / self._epochs
            return Report(epoch, self._epochs, value, {METRIC.name: value})

        def stop(self) -> None:
            """Nothing runs."""


class Clocked:
    """A strategy whose trials are counted; says how long a thousand of them took."""

    def __init__(self, strategy: Strategy, *, lose_at: int | None = None) -> None:
        self._strategy, self._lose_at = strategy, lose_at
        self._created, self._since = time.monotonic(), float("nan")
        self._told, self._busy = -1, 0.0
        self.on_suggested, self.on_paused = strategy.on_suggested, strategy.on_paused
        self.on_queued, self.on_ended = strategy.on_queued, strategy.on_ended

    def propose(self, trial: TrialId, *, is_full: bool) -> Proposal | Promotion | Wait | None:
        """What the strategy proposes."""
        number, now = int(trial), time.monotonic()
        if self._told < 0:
            self._since = now
            if number:
                print(f"{number:6d} trials   taken over in {now - self._created:.1f} s", flush=True)
        elif number % STEP == 0 and number != self._told:
            print(f"{number:6d} trials   {1000 * (now - self._since) / STEP:6.2f} ms a trial", end="")
            print(f"   {1000 * (time.process_time() - self._busy) / STEP:6.2f} ms of them busy", end="")
            print(f"   {_memory_mb():6.1f} MB", flush=True)
            self._since = now
        else:
            return self._strategy.propose(trial, is_full=is_full)
        self._told, self._busy = number, time.process_time()
        if number == self._lose_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return self._strategy.propose(trial, is_full=is_full)

    def on_report(self, trial: TrialId, report: Report) -> Decision:
        """What the strategy decides."""
        return self._strategy.on_report(trial, report)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--algorithm", default="random")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="where the study stays")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="automl-long-") as place:
        results = asked.keep or Path(place)
        folder = _make_folder(results, asked.trials, asked.epochs, asked.algorithm)
        half = asked.trials // 2 // STEP * STEP
        _run_apart(folder, lose_at=half)
        print("controller killed", flush=True)
        _run_apart(folder)
        for words in COMMANDS:
            seconds = _time_command(words, folder)
            print(f"automl {words:18s} {seconds:6.1f} s", flush=True)


def _make_folder(results: Path, trials: int, epochs: int, algorithm: str) -> StudyFolder:
    folder = StudyFolder(results / "study")
    folder.root.mkdir(parents=True)
    space = SearchSpace(
        (
            Parameter("train.lr", ParameterKind.FLOAT, 1e-6, 1e-1, log=True, default=1e-4, source="here"),
            Parameter("train.batch", ParameterKind.INT, 1, 64, default=4, source="here"),
        )
    )
    budget = Budget(trials, epochs)
    sheet = StudySheet(StudyId("study"), folder.root, "none", METRIC, budget, space.to_json())
    chosen = {"algorithm": {"name": algorithm, "reason": "asked for"}, "resources": {"max_concurrent": 1}}
    folder.write_sheet(sheet, {"plan": chosen, "seed": 0})
    return folder


def _run_apart(folder: StudyFolder, *, lose_at: int | None = None) -> None:
    process = get_context("fork").Process(target=_run, args=(folder, lose_at))
    process.start()
    process.join()


def _run(folder: StudyFolder, lose_at: int | None) -> None:
    sheet = folder.read_sheet()
    strategy = Clocked(make_strategy(load_search(folder)), lose_at=lose_at)
    job = NoJob(sheet.budget.max_epochs)
    state = run_study(StudyPlan(sheet, Resources(), _make_spec, job), Ports(strategy, SequentialScheduler()))
    print(f"{len(state.records)} trials", flush=True)


def _make_spec(record: TrialRecord, folder: TrialFolder) -> Spec:
    return {"results_dir": str(folder.root), **record.params}


def _time_command(words: str, folder: StudyFolder) -> float:
    started = time.monotonic()
    program = Path(sys.executable).with_name("automl")
    argv = [str(program), *words.split(), "--results-dir", str(folder.root.parent)]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - started


def _memory_mb() -> float:
    """Memory that this process has resident now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


if __name__ == "__main__":
    main()
