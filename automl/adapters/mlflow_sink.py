"""The only door to MLflow: shows a study as one parent run with a child run per trial.

The run tree is a view of the study's events. One thread in the driver's process follows them and sends what
is new; a server that is slow, down or full costs no trial a second. What it missed is sent once it is back,
by the same thread or later by ``automl sync``. Everything is found before it is made, and a point carries the
time of its event, so that sending twice changes nothing.

A trial's metric is logged at every epoch as it was measured. MLflow's tables show the last point of a metric,
ranking uses the best epoch; where the two differ, the trial's end logs the best value once more at the last
step, so that sorting a table by the metric sorts trials as the study did.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")

from mlflow import MlflowClient
from mlflow.entities import Metric as Point
from mlflow.entities import Param, Run, RunTag
from mlflow.exceptions import MlflowException

from automl.adapters.mlflow_pages import describe_view, run_page, view_tag
from automl.errors import AutomlError, EnvironmentUnusableError, UsageError
from automl.study.events import EpochReported, StudyEnded, StudyStarted, TrialEnded, TrialSuggested
from automl.study.mirroring import Cursor, News, NewsFeed
from automl.study.note import write_note
from automl.study.state import Phase
from automl.study.store import StudyFolder
from automl.tracking import TrackingStore, sqlite_file
from automl.types import Report, StudySheet, TrialId, TrialRecord, TrialState

__all__ = ["MlflowSink", "StudyMirror", "fetch_study", "send_study"]

_LOG = logging.getLogger(__name__)
_FORBIDDEN_IN_KEYS = re.compile(r"[^\w\-./: ]")
_ID = re.compile(r"\w[\w.-]*")
_LONGEST_PARAM = 6000
_PARAMS_A_CALL, _POINTS_A_CALL, _RUNS_A_PAGE = 100, 1000, 1000
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_REFUSALS = {"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "MALFORMED_REQUEST", "NOT_IMPLEMENTED"}
"""Answers that the same request would get again."""
_KIND = {"mlflow.experimentKind": "custom_model_development"}
"""Makes MLflow show its pages for training; without it a new experiment is taken for one of prompts."""
_RUN_STATUS = {
    TrialState.QUEUED: "SCHEDULED",
    TrialState.RUNNING: "RUNNING",
    TrialState.PAUSED: "SCHEDULED",
    TrialState.SUCCEEDED: "FINISHED",
    TrialState.PRUNED: "KILLED",
    TrialState.CANCELLED: "KILLED",
    TrialState.FAILED: "FAILED",
}
_STUDY_STATUS = {Phase.FINISHED: "FINISHED", Phase.FAILED: "FAILED"}


class MlflowSink:
    """A `Tracker` that follows the events of its study from a thread of its own.

    Args:
        store: where the runs go.
        flush_s: how long the end of a study waits for what is still to be sent.
    """

    def __init__(self, store: TrackingStore, *, flush_s: float = 60.0) -> None:
        self._store = store
        self._flush_s = flush_s
        self._news, self._is_over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="mlflow", daemon=True)
        self._has_warned = False

    def study_started(self, sheet: StudySheet, past: Sequence[TrialRecord] = ()) -> None:  # noqa: ARG002
        """Begin to follow; for a plain training the parent is the only run."""
        self._mirror = StudyMirror(sheet, self._store)
        self._study = sheet.study_id
        self._thread.start()

    def trial_started(self, record: TrialRecord) -> None:  # noqa: ARG002 - the events say it
        """There is news."""
        self._news.set()

    def trial_reported(self, trial: TrialId, report: Report) -> None:  # noqa: ARG002 - the events say it
        """There is news."""
        self._news.set()

    def trial_ended(self, record: TrialRecord, *, is_incumbent: bool) -> None:  # noqa: ARG002
        """There is news."""
        self._news.set()

    def study_ended(self, summary: Mapping[str, object], kept: Sequence[TrialRecord]) -> None:  # noqa: ARG002
        """Wait until all is sent, up to a limit; the rest is for ``automl sync``."""
        self._is_over.set()
        self._news.set()
        self._thread.join(self._flush_s)
        if self._thread.is_alive() or self._mirror.behind:
            _LOG.warning(
                "MLflow at %s did not take everything within %.0f s; nothing is lost, the rest is sent by: "
                "automl sync %s",
                self._store.uri,
                self._flush_s,
                self._study,
            )

    def _work(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            self._news.clear()
            is_over = self._is_over.is_set()
            try:
                self._mirror.catch_up(is_over=is_over)
                pause_s = _FIRST_PAUSE_S
            except Exception as error:  # noqa: BLE001 - whatever the tracker does must not reach a trial
                self._warn(error)
                if not is_over:
                    self._is_over.wait(pause_s)
                    pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                    continue
            if is_over:
                return
            self._news.wait()

    def _warn(self, error: Exception) -> None:
        if not self._has_warned:
            _LOG.warning("MLflow at %s: %s; the study goes on", self._store.uri, error)
        self._has_warned = True


class StudyMirror:
    """Brings the run tree of one study up to its events, as often as it is asked to.

    Args:
        sheet: what identifies the study.
        store: where the runs go.
        is_anew: send all of it again, whatever was sent before.
    """

    def __init__(self, sheet: StudySheet, store: TrackingStore, *, is_anew: bool = False) -> None:
        self._sheet = sheet
        self._store = store
        self._folder = StudyFolder(sheet.root)
        self._feed = NewsFeed(self._folder, sheet.metric)
        self._runs: _Runs | None = None
        self._cursor = Cursor(self._folder)
        self._is_anew = is_anew
        self._folder.write_tracking(store)

    @property
    def behind(self) -> int:
        """Pieces of news that were not sent yet."""
        return len(self._feed)

    def catch_up(self, *, is_over: bool = True) -> int:
        """Send what was not sent yet; the number of events that were.

        Args:
            is_over: False keeps the end of the study back, since files that belong to it are still written.

        Raises:
            Exception: whatever MLflow raises when it cannot be reached or does not answer.
        """
        self._feed.refresh()
        with _sole_writer(self._store):
            try:
                self._runs = self._runs or self._find_runs()
                return self._send(self._runs, is_over=is_over)
            except Exception:
                self._runs = None  # whether the last call came through is unknown: look before the next
                raise
            finally:
                self._cursor.save()

    def _find_runs(self) -> _Runs:
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.ERROR)
        client = MlflowClient(self._store.uri)
        runs = _Runs(client, _find_experiment(client, self._store), self._sheet, self._feed)
        self._cursor.open(runs.parent, is_anew=self._is_anew)
        self._is_anew = False
        if self._cursor.number < self._feed.dropped:  # another tree than the one that was told
            self._feed = NewsFeed(self._folder, self._sheet.metric)
            self._feed.refresh()
        self._folder.write_tracking(self._store, experiment_id=runs.experiment, run_id=runs.parent)
        return runs

    def _send(self, runs: _Runs, *, is_over: bool) -> int:
        sent = 0
        while (news := self._feed.peek(after=self._cursor.number)) is not None:
            if isinstance(news.event, StudyEnded) and self.behind == 1 and not is_over:
                break
            try:
                runs.tell(news, self._feed.records)
            except MlflowException as error:
                if error.error_code not in _REFUSALS:
                    raise
                _LOG.warning("MLflow refuses %s: %s", type(news.event).__name__, error)
            self._cursor.number = news.number
            self._feed.drop()
            sent += 1
        return sent


def send_study(sheet: StudySheet, store: TrackingStore, *, is_anew: bool = False) -> int:
    """Bring the run tree of a study that nobody runs up to its events; the number of events that were news.

    Args:
        sheet: what identifies the study.
        store: where the runs go.
        is_anew: send all of it again.

    Raises:
        EnvironmentUnusableError: the store cannot be reached, or does not do what it is asked to.
    """
    mirror = StudyMirror(sheet, store, is_anew=is_anew)
    try:
        return mirror.catch_up()
    except (AutomlError, KeyboardInterrupt):
        raise
    except Exception as error:
        raise EnvironmentUnusableError(
            f"MLflow: {error}", where=store.uri, hint=f"once it answers: automl sync {sheet.study_id}"
        ) from error


def fetch_study(uri: str, wanted: str, into: Path) -> StudyFolder:
    """What a store knows of a study that lies on no disk of this machine: its sheet and its events.

    Args:
        uri: server or database.
        wanted: id of a study, or of its run; of several studies of one id the newest is taken.
        into: an empty folder.

    Raises:
        UsageError: the store has no such study, or not its events, which come there when it ends.
        EnvironmentUnusableError: the store does not answer.
    """
    client = MlflowClient(uri)
    try:
        if (run := _find_study(client, wanted)) is None:
            raise UsageError(f"no study of the results and no run is called {wanted!r}", where=uri)
        folder = StudyFolder(into / str(run.data.tags["study_id"]))
        folder.root.mkdir(parents=True)
        there = {entry.path for entry in client.list_artifacts(run.info.run_id)}
        for file in (folder.sheet.name, folder.events.name):
            if file not in there:
                raise UsageError(
                    f"the run of {folder.id} has no {file}",
                    where=uri,
                    hint=f"it comes there when the study ends, or by: automl sync {folder.id}",
                )
            client.download_artifacts(run.info.run_id, file, str(folder.root))
    except MlflowException as error:
        raise EnvironmentUnusableError(f"MLflow: {error}", where=uri) from error
    return folder


def _find_study(client: MlflowClient, wanted: str) -> Run | None:
    """The newest parent run of a study's id, or the run of that id."""
    if not _ID.fullmatch(wanted):
        return None
    experiments = [found.experiment_id for found in client.search_experiments()]
    for named in (f"tags.study_id = '{wanted}'", f"attributes.run_id = '{wanted}'"):
        for run in client.search_runs(experiments, named, order_by=["start_time DESC"]):
            is_parent = "mlflow.parentRunId" not in run.data.tags
            if is_parent and _ID.fullmatch(run.data.tags.get("study_id", "")):
                return run
    return None


class _Runs:
    """The run tree of one study; what is there already is found by its tags.

    Attributes:
        experiment: id of the experiment.
        parent: id of the study's run.
    """

    def __init__(self, client: MlflowClient, experiment: str, sheet: StudySheet, feed: NewsFeed) -> None:
        self._client = client
        self._sheet = sheet
        self._folder = StudyFolder(sheet.root)
        self._key = feed.study_key
        self.experiment = experiment
        known = self._search()
        parents = [run for run in known if "mlflow.parentRunId" not in run.data.tags]
        tags = {"model": sheet.model, **sheet.tags}
        self.parent = self._only(parents) or self._create(
            sheet.study_id, tags, feed.started_at or time.time()
        )
        if sheet.is_search:
            view = describe_view(sheet, self.parent)
            client.set_experiment_tag(experiment, view_tag(self.parent), view)
        self._of_trial: dict[TrialId, str] = {}
        for trial in {run.data.tags.get("trial", "") for run in known} - {""}:
            same = [run for run in known if run.data.tags.get("trial") == trial]
            self._of_trial[TrialId(trial)] = self._only(same) or ""

    def tell(self, news: News, records: Mapping[TrialId, TrialRecord]) -> None:
        """Show one piece of news."""
        record, at = news.record, news.at
        match news.event:
            case StudyStarted():
                self._client.log_dict(self.parent, dict(self._sheet.space), "space.json")
                self._client.update_run(self.parent, "RUNNING")
            case TrialSuggested():
                return
            case EpochReported(trial=trial, report=report):
                self._log(self._of_trial[trial], report.kpi, report.epoch, at)
            case StudyEnded():
                self._close_study(news, records)
            case TrialEnded() if record is not None:
                self._close_trial(record, news)
            case _ if record is not None:
                self._show_state(record, at)

    def _show_state(self, record: TrialRecord, at: float) -> None:
        run = self._open_trial(record, at)
        self._tag(run, {"state": record.state.value, "cause": record.cause.value})
        if self._sheet.is_search:
            self._client.update_run(run, _RUN_STATUS[record.state])

    def _open_trial(self, record: TrialRecord, at: float) -> str:
        """The run of a trial, made where there is none, with its parameters under their dotted names."""
        if not self._sheet.is_search:
            self._of_trial[record.id] = self.parent
        elif record.id not in self._of_trial:
            tags = {
                "mlflow.parentRunId": self.parent,
                "trial": record.id,
                "role": record.role.value,
            }
            self._of_trial[record.id] = self._create(f"trial {record.id}", tags, at)
        run = self._of_trial[record.id]
        params = [Param(name, str(value)[:_LONGEST_PARAM]) for name, value in record.params.items()]
        for start in range(0, len(params), _PARAMS_A_CALL):
            self._client.log_batch(run, params=params[start : start + _PARAMS_A_CALL])
        return run

    def _close_trial(self, record: TrialRecord, news: News) -> None:
        run, metric, at = self._open_trial(record, news.at), self._sheet.metric.name, news.at
        if record.value is not None:
            if record.reports[-1].value != record.value:
                self._log(run, {metric: record.value}, record.epochs, at)
            best = {f"best_{metric}": record.value, "best_epoch": float(record.best_epoch or 0)}
            self._log(run, best, record.epochs, at)
        self._tag(run, {"state": record.state.value, "cause": record.cause.value})
        self._upload(run, [self._folder.trial(record.id).spec])
        if self._sheet.is_search:
            if news.incumbent is not None:
                self._log(self.parent, {f"incumbent_{metric}": news.incumbent}, news.ended, at)
            self._client.set_terminated(run, _RUN_STATUS[record.state], _ms(at))

    def _close_study(self, news: News, records: Mapping[TrialId, TrialRecord]) -> None:
        assert isinstance(news.event, StudyEnded)
        folder, phase = self._folder, Phase(news.event.phase)
        told = [folder.sheet, folder.events, folder.root / "spec.yaml", folder.root / "report.html"]
        self._upload(self.parent, told)
        self._upload(self.parent, sorted(folder.figures.glob("*.svg")), "figures")
        if phase is not Phase.INTERRUPTED:
            self._upload(self.parent, [folder.best / "spec.yaml", folder.best / "metrics.json"], "best")
            for trial, run in self._of_trial.items():
                checkpoint = folder.trial(trial).find_checkpoint(records[trial].best_epoch)
                self._upload(run, [checkpoint] if checkpoint else [], "checkpoint")
                self._upload(run, sorted((folder.final_check / trial / "pictures").glob("*.png")), "pictures")
        if phase is Phase.FINISHED and news.winner is not None and news.winner.value is not None:
            if self._sheet.is_search:
                self._log(self.parent, {self._sheet.metric.name: news.winner.value}, news.ended, news.at)
            self._register(self._of_trial[news.winner.id])
        note = write_note(self._sheet, news.event.verdict, news.winner, self._links())
        self._tag(self.parent, {"state": phase.value, "mlflow.note.content": note})
        self._client.set_terminated(self.parent, _STUDY_STATUS.get(phase, "KILLED"), _ms(news.at))

    def _links(self) -> dict[TrialId, str]:
        """Where MLflow's own pages show each trial."""
        return {trial: run_page(self.experiment, run) for trial, run in self._of_trial.items()}

    def _register(self, run: str) -> None:
        """A version of the model; its checkpoint lies with the winner's run."""
        name = self._sheet.model
        try:
            self._client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        if not self._client.search_model_versions(f"name = '{name}' and run_id = '{run}'"):
            source = f"{self._client.get_run(run).info.artifact_uri}/checkpoint"
            tags = {"study_id": self._sheet.study_id}
            self._client.create_model_version(name, source, run, tags=tags)

    def _upload(self, run: str, files: Iterable[Path], place: str | None = None) -> None:
        """Files that are there, unless one of that name and size was uploaded before."""
        there = [path for path in files if path.is_file() and not path.is_symlink()]
        if not there:
            return
        sizes = {entry.path: entry.file_size for entry in self._client.list_artifacts(run, place)}
        for path in there:
            name = f"{place}/{path.name}" if place else path.name
            if sizes.get(name) != path.stat().st_size:
                self._client.log_artifact(run, str(path), place)

    def _search(self) -> list[Run]:
        """All runs of the study, the oldest first."""
        found: list[Run] = []
        token, wanted = None, f"tags.study_key = '{self._key}'"
        while True:
            page = self._client.search_runs(
                [self.experiment], wanted, max_results=_RUNS_A_PAGE, order_by=["start_time"], page_token=token
            )
            found += page
            if not (token := page.token):
                return found

    def _only(self, runs: Sequence[Run]) -> str | None:
        """The first of runs that should be one; others come of calls that failed after they were obeyed."""
        for extra in runs[1:]:
            self._client.delete_run(extra.info.run_id)
        return str(runs[0].info.run_id) if runs else None

    def _create(self, name: str, tags: Mapping[str, str], at: float) -> str:
        own = {"study_id": self._sheet.study_id, "study_key": self._key}
        run = self._client.create_run(
            self.experiment, start_time=_ms(at), tags={**own, **tags}, run_name=name
        )
        return str(run.info.run_id)

    def _tag(self, run: str, tags: Mapping[str, str]) -> None:
        self._client.log_batch(run, tags=[RunTag(key, value) for key, value in tags.items()])

    def _log(self, run: str, numbers: Mapping[str, float], step: int, at: float) -> None:
        points = [
            Point(_FORBIDDEN_IN_KEYS.sub("_", name), value, _ms(at), step) for name, value in numbers.items()
        ]
        for start in range(0, len(points), _POINTS_A_CALL):
            self._client.log_batch(run, metrics=points[start : start + _POINTS_A_CALL])


def _find_experiment(client: MlflowClient, store: TrackingStore) -> str:
    if found := client.get_experiment_by_name(store.experiment):
        return str(found.experiment_id)
    location = store.artifacts.as_uri() if store.artifacts else None
    return str(client.create_experiment(store.experiment, artifact_location=location, tags=_KIND))


def _ms(seconds: float) -> int:
    return int(seconds * 1000)


@contextmanager
def _sole_writer(store: TrackingStore) -> Iterator[None]:
    """One process at a time writes a SQLite store: two that find it empty would both migrate it."""
    database = sqlite_file(store.uri)
    if database is None:
        yield
        return
    database.parent.mkdir(parents=True, exist_ok=True)
    with database.with_name(f"{database.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
