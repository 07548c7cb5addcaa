"""One study of the fake trainer, run by controllers that are real processes, so that they can be killed.

A controller is forked from the suite, which has imported everything before: it starts at once.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import mlflow.store.tracking.sqlalchemy_store  # noqa: F401 - before the fork, as everything is

import automl.adapters.random_forest  # noqa: F401 - likewise
from automl.adapters import mlflow_sink
from automl.adapters.mlflow_sink import MlflowSink
from automl.adapters.ray_cluster import stay_on_loopback
from automl.adapters.ray_tune import RayScheduler
from automl.adapters.sequential import SequentialScheduler
from automl.app import resume, run, sync, training
from automl.errors import AutomlError
from automl.request import RunRequest
from automl.study.state import StudyState, read_state
from automl.study.store import StudyFolder
from automl.trials.leftovers import TRIAL_VARIABLE
from automl.types import Direction, Metric, Resources
from tests.faults.fate import ROUND_VARIABLE, find_marked, share_fate

__all__ = ["Controller", "FaultyStudy"]

METRIC = Metric("AP11", Direction.MAXIMIZE)
TRIALS, EPOCHS, SIDE_BY_SIDE = 5, 4, 2
_FLUSH_S = 2.0


class Controller:
    """A process that has the study in hand."""

    def __init__(self, work: Callable[[], int], log: Path) -> None:
        self.pid = os.fork()
        if self.pid == 0:
            code = 130
            try:
                code = _as_process(work, log)
            finally:
                os._exit(code)  # whatever comes: a fork must never run what the suite clears away at its end

    def poll(self) -> int | None:
        """Exit code, negative for a signal; None while it runs."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        return None if pid == 0 else os.waitstatus_to_exitcode(status)

    def is_over(self) -> bool:
        """Whether it has ended, collected or not."""
        try:
            return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            return True

    def wait(self, limit_s: float) -> int:
        """Exit code; a controller that does not end is killed and counts as hung."""
        deadline = time.monotonic() + limit_s
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                raise AssertionError(f"the controller hangs for {limit_s:g} s")
            time.sleep(0.005)
        return code


def _as_process(work: Callable[[], int], log: Path) -> int:
    share_fate()
    os.setsid()
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        return work()
    except KeyboardInterrupt:
        return 130
    except AutomlError as error:
        sys.stderr.write(f"{error}\n")
        return int(error.exit_code)
    except BaseException:  # noqa: BLE001 - the edge of a process
        sys.excepthook(*sys.exc_info())
        return 1


@dataclass
class FaultyStudy:
    """A study, the ways to begin it and go on with it, and what became of it.

    Attributes:
        root: folder of the round; its name is the study's too.
        skill: the fake skill.
        seed: of study and training.
        side_by_side: trials at once; 1 needs no Ray.
        ray_address: a running cluster; None starts one for each controller.
        tracking_uri: None is a SQLite file beside the results.
        store: the database behind that.
        prelude: what a controller does before it begins; it is told how many there were before it.
    """

    root: Path
    skill: Path
    seed: int
    side_by_side: int = 1
    ray_address: str | None = None
    tracking_uri: str | None = None
    store: Path | None = None
    epoch_s: float = 0.03
    prelude: Callable[[int], None] = field(default=lambda _: None)
    controllers: int = 0

    @property
    def folder(self) -> StudyFolder:
        return StudyFolder(self.root / "results" / self.root.name)

    @property
    def log(self) -> Path:
        """Console of all controllers; outside the folder, whose disk may be full."""
        return self.root.with_suffix(".log")

    def begin(self) -> Controller:
        """The first controller."""
        request = RunRequest(
            skill_dir=self.skill,
            results_dir=self.root / "results",
            trials=TRIALS,
            max_epochs=EPOCHS,
            algorithm="asha",
            seed=self.seed,
            study_id=self.root.name,
            overrides=("dataset.test_file=none", f"train.epoch_s={self.epoch_s}"),
            max_concurrent=self.side_by_side,
            ray_address=self.ray_address,
            tracking_uri=self.tracking_uri,
        )
        return self._control(lambda: run(request).exit_code)

    def go_on(self) -> Controller:
        """A further controller; it begins the study where the first never came so far."""
        if not self.folder.sheet.exists():
            return self.begin()
        return self._control(lambda: resume(self.folder).exit_code)

    def send(self) -> int:
        """``automl sync``; its exit code."""
        return Controller(
            lambda: int(sync(self.folder, tracking_uri=self.tracking_uri).events < 0), self.log
        ).wait(120)

    def _control(self, start: Callable[[], int]) -> Controller:
        controller = Controller(lambda: self._work(start), self.log)
        self.controllers += 1
        return controller

    def _work(self, start: Callable[[], int]) -> int:
        os.environ.update({ROUND_VARIABLE: str(self.root), "MLFLOW_HTTP_REQUEST_TIMEOUT": "2"})
        tempfile.tempdir = str(self.root.parent)  # what a killed controller leaves there goes with the stage
        self.prelude(self.controllers)
        mlflow_sink.MlflowSink = partial(MlflowSink, flush_s=_FLUSH_S)  # type: ignore[misc, assignment]
        if self.ray_address:
            stay_on_loopback()
        resources = Resources(max_concurrent=self.side_by_side, ray_address=self.ray_address)
        training._make_scheduler = lambda _: (
            RayScheduler(resources) if self.side_by_side > 1 else SequentialScheduler()
        )
        return start()

    def state(self) -> StudyState:
        return read_state(self.folder.events, METRIC)

    def lines(self) -> list[bytes]:
        """Complete events on disk."""
        with suppress(FileNotFoundError):
            return [
                line
                for line in self.folder.events.read_bytes().splitlines(keepends=True)
                if line[-1:] == b"\n"
            ]
        return []

    def trial_processes(self) -> list[int]:
        """Guards, trainers and all that they started."""
        return find_marked(TRIAL_VARIABLE, self.folder.root.resolve())

    def processes(self) -> list[int]:
        """All that controllers of this study started, Ray of their own included."""
        return find_marked(ROUND_VARIABLE, self.root)

    def table(self) -> list[tuple[Any, ...]]:
        """The final table: what each trial tried, how it ended, how far it came, and the winner."""
        state = self.state()
        rows = [
            (r.id, dict(r.params), r.state.value, r.cause.value, r.value, r.epochs)
            for r in state.records.values()
        ]
        best = state.incumbent
        return [*rows, (state.phase.value, state.epochs_total, best.id if best else None)]

    def tree(self) -> dict[str, Any]:
        """The run tree as the store holds it, without the ids and times that differ from run to run."""
        link = self.folder.read_tracking()
        assert link is not None, "the study was never tracked"
        with closing(sqlite3.connect(self.store_file())) as database:
            return self._read_tree(database, link)

    def _read_tree(self, database: sqlite3.Connection, link: Mapping[str, str]) -> dict[str, Any]:
        experiment = link["experiment_id"]
        runs = database.execute(
            "select run_uuid, status from runs where experiment_id = ? and lifecycle_stage = 'active'",
            (experiment,),
        )
        tree: dict[str, Any] = {}
        for run_id, status in runs.fetchall():
            tags = dict(database.execute("select key, value from tags where run_uuid = ?", (run_id,)))
            if tags.get("mlflow.parentRunId", run_id) != link["run_id"]:
                continue
            name = tags.get("trial", "study")
            assert name not in tree, f"two runs for {name}"
            points = database.execute("select key, step, value from metrics where run_uuid = ?", (run_id,))
            params = database.execute("select key, value from params where run_uuid = ?", (run_id,))
            tree[name] = {
                "status": status,
                "state": (tags.get("state"), tags.get("cause")),
                "params": dict(params.fetchall()),
                "points": sorted(points.fetchall()),
            }
        return tree

    def store_file(self) -> Path:
        return self.store or self.root / "results" / "mlflow.db"

    def shown_tree(self) -> dict[str, Any]:
        """What the events say that the run tree has to be, for the trials."""
        shown = {}
        for record in self.state().records.values():
            points = {("AP11", report.epoch, report.value) for report in record.reports}
            shown[record.id] = {
                "state": (record.state.value, record.cause.value),
                "params": {name: str(value) for name, value in record.params.items()},
                "points": points,
            }
        return shown
