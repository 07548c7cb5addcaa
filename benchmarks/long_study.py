"""A study of ten thousand trials that cost nothing: what the controller itself takes, in time and memory.

The rival is the study's own beginning: flat means that the last thousand trials cost what the first did.
In the middle the controller is lost, and another one takes over.

Run as ``python benchmarks/long_study.py [--trials 10000]``.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

from automl.adapters.sequential import SequentialScheduler
from automl.controller import Ports, StudyPlan, run_study
from automl.ports import Decision, Launch, Proposal
from automl.study.state import StudyState
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


class NoJob:
    """One epoch, at once."""

    def __init__(self, launch: Launch) -> None:
        self._left = [Report(1, 1, float(int(launch.trial) % 97), {"AP11": float(int(launch.trial) % 97)})]

    def next_report(self) -> Report | None:
        """The epoch, then the end."""
        return self._left.pop() if self._left else None

    def stop(self) -> None:
        """Nothing runs."""


class Counting:
    """Proposes a number and learns nothing; says how long a thousand trials took."""

    def __init__(self, lose_at: int | None = None) -> None:
        self._lose_at = lose_at
        self._since, self.steps = time.monotonic(), list[tuple[int, float, float]]()
        self.first_proposed_at: float | None = None

    def propose(self, trial: TrialId, *, is_full: bool) -> Proposal | None:
        """The next number."""
        number = int(trial)
        if self.first_proposed_at is None:
            self.first_proposed_at = self._since = time.monotonic()
        elif number % STEP == 0:
            now = time.monotonic()
            self.steps.append((number, now - self._since, _memory_mb()))
            self._since = now
        if number == self._lose_at:
            raise InterruptedError
        return None if is_full else Proposal({"number": number})

    def on_suggested(self, record: TrialRecord) -> None:
        """Learn nothing."""

    def on_report(self, trial: TrialId, report: Report) -> Decision:  # noqa: ARG002 - the port's signature
        """Go on."""
        return Decision.CONTINUE

    on_paused = on_queued = on_ended = on_suggested


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10_000)
    trials = parser.parse_args().trials
    with tempfile.TemporaryDirectory(prefix="automl-long-") as place:
        strategy = Counting(lose_at=trials // 2)
        try:
            _run(Path(place), trials, strategy)
        except InterruptedError:
            print(f"controller lost after {trials // 2} trials")
        started = time.monotonic()
        second = Counting()
        state = _run(Path(place), trials, second)
        assert second.first_proposed_at is not None
        print(f"taken over in {second.first_proposed_at - started:.1f} s")
        steps = [*strategy.steps, *second.steps]
        for number, seconds, memory in steps:
            print(f"{number:6d} trials   {1000 * seconds / STEP:6.2f} ms a trial   {memory:6.1f} MB")
        ratio = steps[-1][1] / steps[0][1]
        print(f"{len(state.records)} trials; the last thousand took {ratio:.2f} times the first")


def _run(place: Path, trials: int, strategy: Counting) -> StudyState:
    folder = StudyFolder(place / "study")
    folder.root.mkdir(exist_ok=True)
    sheet = StudySheet(StudyId("study"), folder.root, "none", METRIC, Budget(trials, 1), {"parameters": []})
    folder.write_sheet(sheet, {})
    plan = StudyPlan(sheet, Resources(), _make_spec, NoJob)
    return run_study(plan, Ports(strategy, SequentialScheduler()))


def _make_spec(record: TrialRecord, folder: TrialFolder) -> Spec:
    return {"results_dir": str(folder.root), **record.params}


def _memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
