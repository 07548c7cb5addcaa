"""The only door to MLflow: shows a study as one parent run with a child run per trial.

One writer thread in the driver's process works off a queue, so that a server that is slow, down or full costs
no trial a second; what fails is a warning.

A trial's metric is logged at every epoch as it was measured. MLflow's tables show the last point of a metric,
ranking uses the best epoch; where the two differ, the trial's end logs the best value once more at the last
step, so that sorting a table by the metric sorts trials as the study did.
"""

from __future__ import annotations

import fcntl
import json
import logging
import queue
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric as Point
from mlflow.entities import Param, RunTag
from mlflow.exceptions import MlflowException

from automl.study.store import StudyFolder
from automl.trials.folder import write_atomically
from automl.types import Report, StudySheet, TrialId, TrialRecord, TrialState

__all__ = ["MlflowSink", "local_tracking_uri"]

_LOG = logging.getLogger(__name__)
_FORBIDDEN_IN_KEYS = re.compile(r"[^\w\-./: ]")
_LONGEST_PARAM = 6000
_RUN_STATUS = {
    TrialState.SUCCEEDED: "FINISHED",
    TrialState.PRUNED: "KILLED",
    TrialState.CANCELLED: "KILLED",
    TrialState.FAILED: "FAILED",
}


def local_tracking_uri(results_dir: Path) -> str:
    """A SQLite store inside the results folder; the file store is refused by MLflow since 3.13."""
    return f"sqlite:///{results_dir.resolve() / 'mlflow.db'}"


class MlflowSink:
    """A `Tracker` that writes to MLflow from a thread of its own.

    Args:
        uri: tracking store; ``sqlite:///...`` or a server.
        experiment: experiment name.
        artifacts: folder for artifacts of a new experiment; None leaves it to the server.
        flush_s: how long the end of a study waits for what is still queued.
    """

    def __init__(self, uri: str, experiment: str, *, artifacts: Path | None, flush_s: float = 60.0) -> None:
        self._uri = uri
        self._experiment = experiment
        self._artifacts = artifacts
        self._flush_s = flush_s
        self._queue: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="mlflow", daemon=True)
        self._failures = 0

    def study_started(self, sheet: StudySheet, past: Sequence[TrialRecord] = ()) -> None:  # noqa: ARG002
        """The parent run begins; for a plain training it is the only one."""
        self._thread.start()
        started_at = time.time()
        self._put(lambda: self._open(sheet, started_at))

    def trial_started(self, record: TrialRecord) -> None:
        """A child run begins, with the searched parameters under their dotted names."""
        started_at = time.time()
        self._put(lambda: self._runs.open_trial(record, started_at))

    def trial_reported(self, trial: TrialId, report: Report) -> None:
        """One epoch's numbers, at ``step=epoch``."""
        measured_at = time.time()
        self._put(lambda: self._runs.log(trial, report.kpi, report.epoch, measured_at))

    def trial_ended(self, record: TrialRecord, *, is_incumbent: bool) -> None:
        """Final state, headline metric and spec of a trial."""
        ended_at = time.time()
        self._put(lambda: self._runs.close_trial(record, is_incumbent=is_incumbent, at=ended_at))

    def study_ended(self, summary: Mapping[str, object], kept: Sequence[TrialRecord]) -> None:
        """Kept checkpoints, the best model, the study's own files; waits for the queue, up to a limit."""
        ended_at = time.time()
        self._put(lambda: self._runs.close_study(summary, kept, ended_at))
        self._queue.put(None)
        self._thread.join(self._flush_s)
        if self._thread.is_alive():
            _LOG.warning("MLflow at %s is slow: gave up waiting after %.0f s", self._uri, self._flush_s)
        elif self._failures:
            _LOG.warning("MLflow at %s missed %d entries of this study", self._uri, self._failures)

    def _put(self, task: Callable[[], None]) -> None:
        self._queue.put(task)

    def _work(self) -> None:
        while (task := self._queue.get()) is not None:
            try:
                task()
            except Exception as error:  # noqa: BLE001 - whatever the tracker does must not reach a trial
                self._failures += 1
                if self._failures == 1:
                    _LOG.warning("MLflow at %s: %s; the study goes on", self._uri, error)

    def _open(self, sheet: StudySheet, started_at: float) -> None:
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.ERROR)
        with _sole_creator(self._artifacts):
            client = MlflowClient(self._uri)
            experiment = self._experiment_id(client)
        self._runs = _Runs(client, experiment, sheet, started_at)
        link = {"tracking_uri": self._uri, "experiment_id": experiment, "run_id": self._runs.parent}
        write_atomically(StudyFolder(sheet.root).tracking, json.dumps(link, indent=2) + "\n")

    def _experiment_id(self, client: MlflowClient) -> str:
        if found := client.get_experiment_by_name(self._experiment):
            return str(found.experiment_id)
        location = self._artifacts.resolve().as_uri() if self._artifacts else None
        return str(client.create_experiment(self._experiment, artifact_location=location))


class _Runs:
    """The run tree of one study; every call is made on the sink's thread."""

    def __init__(self, client: MlflowClient, experiment: str, sheet: StudySheet, started_at: float) -> None:
        self._client = client
        self._experiment = experiment
        self._sheet = sheet
        self._folder = StudyFolder(sheet.root)
        self._of_trial: dict[TrialId, str] = {}
        self._incumbent: float | None = None
        self._ended = 0
        tags = {"model": sheet.model, "study_id": sheet.study_id, **sheet.tags}
        self.parent = self._create(sheet.study_id, tags, started_at)
        self._client.log_dict(self.parent, dict(sheet.space), "space.json")

    def open_trial(self, record: TrialRecord, at: float) -> None:
        if record.id in self._of_trial:
            return
        if not self._sheet.is_search:
            self._of_trial[record.id] = self.parent
            return
        tags = {"mlflow.parentRunId": self.parent, "study_id": self._sheet.study_id, "trial": record.id}
        run = self._create(f"trial {record.id}", tags, at)
        self._of_trial[record.id] = run
        params = [Param(name, str(value)[:_LONGEST_PARAM]) for name, value in record.params.items()]
        self._client.log_batch(run, params=params)

    def log(self, trial: TrialId, numbers: Mapping[str, float], step: int, at: float) -> None:
        self._log(self._of_trial[trial], numbers, step, at)

    def close_trial(self, record: TrialRecord, *, is_incumbent: bool, at: float) -> None:
        if record.id not in self._of_trial:
            self.open_trial(record, at)
        run, metric = self._of_trial[record.id], self._sheet.metric.name
        if record.value is not None:
            if record.reports[-1].value != record.value:
                self._log(run, {metric: record.value}, record.epochs, at)
            best = {f"best_{metric}": record.value, "best_epoch": float(record.best_epoch or 0)}
            self._log(run, best, record.epochs, at)
        self._tag(run, {"state": record.state.value, "cause": record.cause.value})
        spec = self._folder.trial(record.id).spec
        if spec.exists():
            self._client.log_artifact(run, str(spec))
        self._ended += 1
        self._incumbent = record.value if is_incumbent else self._incumbent
        if self._sheet.is_search:
            if self._incumbent is not None:
                self._log(self.parent, {f"incumbent_{metric}": self._incumbent}, self._ended, at)
            self._client.set_terminated(run, _RUN_STATUS[record.state], _ms(at))

    def close_study(self, summary: Mapping[str, Any], kept: Sequence[TrialRecord], at: float) -> None:
        for record in kept:
            checkpoint = self._folder.trial(record.id).find_checkpoint(record.best_epoch)
            if checkpoint and record.id in self._of_trial:
                self._client.log_artifact(self._of_trial[record.id], str(checkpoint), "checkpoint")
        best_files = (self._folder.best / "spec.yaml", self._folder.best / "metrics.json")
        own_files = (self._folder.sheet, *(self._folder.root / name for name in ("spec.yaml", "report.html")))
        for path in (*own_files, *best_files):
            if path.exists():
                place = "best" if path in best_files else None
                self._client.log_artifact(self.parent, str(path), place)
        if best := summary.get("best"):
            if self._sheet.is_search:
                self._log(self.parent, {self._sheet.metric.name: best["value"]}, self._ended, at)
            self._register(TrialId(best["trial"]))
        self._tag(self.parent, {"state": summary["state"]})
        status = {"finished": "FINISHED", "failed": "FAILED"}.get(str(summary["state"]), "KILLED")
        self._client.set_terminated(self.parent, status, _ms(at))

    def _register(self, winner: TrialId) -> None:
        """A new version of the model; its checkpoint lies with the winner's run."""
        name, run = self._sheet.model, self._of_trial[winner]
        try:
            self._client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        source = f"{self._client.get_run(run).info.artifact_uri}/checkpoint"
        self._client.create_model_version(name, source, run, tags={"study_id": self._sheet.study_id})

    def _create(self, name: str, tags: Mapping[str, str], at: float) -> str:
        run = self._client.create_run(self._experiment, start_time=_ms(at), tags=dict(tags), run_name=name)
        return str(run.info.run_id)

    def _tag(self, run: str, tags: Mapping[str, str]) -> None:
        self._client.log_batch(run, tags=[RunTag(key, value) for key, value in tags.items()])

    def _log(self, run: str, numbers: Mapping[str, float], step: int, at: float) -> None:
        points = [
            Point(_FORBIDDEN_IN_KEYS.sub("_", name), value, _ms(at), step) for name, value in numbers.items()
        ]
        self._client.log_batch(run, metrics=points)


def _ms(seconds: float) -> int:
    return int(seconds * 1000)


@contextmanager
def _sole_creator(folder: Path | None) -> Iterator[None]:
    """One process at a time sets up a local store: two that find it empty would both migrate it."""
    if folder is None:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".creating").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
