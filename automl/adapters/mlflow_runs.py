"""The only door to MLflow: a study as one parent run with a child run per trial, and back again.

Everything is found before it is made, and a point carries the time of its event, so that telling twice
changes nothing.

A trial's metric is logged at every epoch as it was measured. MLflow's tables show the last point of a metric,
ranking uses what stands for the trial, which `--rank-by` says; where the two differ, the trial's end logs
that value once more at the last step, so that sorting a table by the metric sorts trials as the study did.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # two lines a trial, beside our own

from mlflow import MlflowClient
from mlflow.entities import Metric as Point
from mlflow.entities import Param, Run, RunTag
from mlflow.exceptions import MlflowException

from automl.adapters.mlflow_pages import describe_view, run_page, view_tag
from automl.errors import EnvironmentUnusableError, UsageError
from automl.study.events import EpochReported, StudyEnded, StudyStarted, TrialEnded, TrialSuggested
from automl.study.mirroring import News
from automl.study.note import write_note
from automl.study.state import Phase
from automl.study.store import StudyFolder
from automl.tracking import TrackingStore
from automl.types import StudySheet, TrialId, TrialRecord, TrialState

__all__ = ["RunTree", "fetch_study", "is_refusal"]

# A server that is away is told once, by us.
logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)

_FORBIDDEN_IN_KEYS = re.compile(r"[^\w\-./: ]")
_ID = re.compile(r"\w[\w.-]*")
_LONGEST_PARAM = 6000
_PARAMS_A_CALL, _POINTS_A_CALL, _RUNS_A_PAGE = 100, 1000, 1000
_REFUSALS = {"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "MALFORMED_REQUEST", "NOT_IMPLEMENTED"}
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


class RunTree:
    """The runs of one study; what is there already is found by its tags, the rest is made.

    Args:
        store: where they are.
        sheet: what identifies the study.
        key: tells the study from others of its id.
        started_at: seconds since 1970; None where the study has not begun.

    Attributes:
        experiment: id of the experiment.
        parent: id of the study's run.

    Raises:
        Exception: whatever MLflow raises when it cannot be reached or does not answer.
    """

    def __init__(
        self, store: TrackingStore, sheet: StudySheet, key: str, started_at: float | None = None
    ) -> None:
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.ERROR)
        self._client = MlflowClient(store.uri)
        self._sheet = sheet
        self._folder = StudyFolder(sheet.root)
        self._key = key
        self.experiment = _find_experiment(self._client, store)
        known = self._search()
        parents = [run for run in known if "mlflow.parentRunId" not in run.data.tags]
        tags = {"model": sheet.model, **sheet.tags}
        self.parent = self._only(parents) or self._create(sheet.study_id, tags, started_at or time.time())
        if sheet.is_search:
            view = describe_view(sheet, self.parent)
            self._client.set_experiment_tag(self.experiment, view_tag(self.parent), view)
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


def is_refusal(error: Exception) -> bool:
    """Whether MLflow would answer the same request so again."""
    return isinstance(error, MlflowException) and error.error_code in _REFUSALS


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
