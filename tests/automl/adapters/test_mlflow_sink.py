"""The run tree of a study: what it looks like, and that it comes out the same whatever happens on the way."""

import json
import logging
import multiprocessing
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fake_study import METRIC, trial, write_study
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from automl.adapters import mlflow_runs
from automl.adapters.mlflow_sink import MlflowSink, send_study
from automl.errors import EnvironmentUnusableError
from automl.study.events import (
    EpochReported,
    Event,
    EventLog,
    StudyEnded,
    StudyStarted,
    TrialPaused,
    TrialQueued,
    TrialStarted,
    TrialSuggested,
)
from automl.study.store import StudyFolder
from automl.tracking import TrackingStore, choose_store
from automl.types import Budget, Cause, Report, StudyId, StudySheet, TrialId, TrialState

ONE = TrialId("1")
VERDICT = {"winner": {"trial": "1"}}
EVENTS: list[Event] = [
    *trial("0", [5.0]),
    *trial("1", [10.0, 40.0, 30.0], params={"train.lr": 1e-3, "kind": "sgd"}),
    *trial("2", [], TrialState.FAILED, Cause.DIVERGED),
    StudyEnded("finished", VERDICT),
]


def make_study(root: Path, events: Sequence[Event] = EVENTS, *, model: str | None = None) -> StudySheet:
    """A finished study on disk, of a model of its own name, so that tests can share one store."""
    folder = write_study(root, events, step_s=1.0)
    one = folder.trial(ONE)
    one.write_spec({"train": {"lr": 1e-3}})
    one.checkpoints.mkdir()
    (one.checkpoints / "epoch_2.pth").write_text("weights")
    folder.best.mkdir()
    (folder.best / "spec.yaml").write_text("train: {lr: 0.001}\n")
    (root / "report.html").write_text("<html>")
    folder.figures.mkdir()
    (folder.figures / "curves.svg").write_text("<svg/>")
    tags = {"algorithm": "asha", "policy": "on"}
    space = {"parameters": [{"name": "train.lr"}]}
    return StudySheet(StudyId(root.name), root, model or root.name, METRIC, Budget(4, 5), space, tags)


def store_of(sheet: StudySheet) -> TrackingStore:
    return choose_store(None, sheet.model, sheet.root.parent)


def follow(sheet: StudySheet, store: TrackingStore | None = None, *, flush_s: float = 60.0) -> None:
    """A controller's way of sending: the sink follows while the study runs, and is told of its end."""
    sink = MlflowSink(store or store_of(sheet), flush_s=flush_s)
    sink.study_started(sheet)
    sink.trial_reported(ONE, Report(1, 3, 10.0))
    sink.study_ended({}, [])


class Tree:
    """The runs of one study, as people see them."""

    def __init__(self, sheet: StudySheet, store: TrackingStore | None = None) -> None:
        store = store or store_of(sheet)
        self.client = MlflowClient(store.uri)
        experiment = self.client.get_experiment_by_name(store.experiment)
        runs = self.client.search_runs([experiment.experiment_id], f"tags.study_id = '{sheet.study_id}'")
        (self.parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
        self.children = {run.data.tags["trial"]: run for run in runs if run is not self.parent}
        assert len(self.children) == len(runs) - 1

    def artifacts(self, run: Run, path: str | None = None) -> set[str]:
        return {entry.path for entry in self.client.list_artifacts(run.info.run_id, path)}

    def points(self, run: Run, key: str) -> list[tuple[int, float]]:
        history = self.client.get_metric_history(run.info.run_id, key)
        return [(point.step, point.value) for point in history]

    def picture(self) -> dict[str, Any]:
        """Everything but the ids that MLflow gives."""
        return {name: self._picture(run) for name, run in {"parent": self.parent, **self.children}.items()}

    def _picture(self, run: Run) -> dict[str, Any]:
        own = {"mlflow.parentRunId", "study_key", "mlflow.note.content"}  # name other runs
        tags = {key: value for key, value in run.data.tags.items() if key not in own}
        return {
            "info": (run.info.run_name, run.info.status, run.info.start_time, run.info.end_time),
            "params": run.data.params,
            "tags": tags,
            "points": {key: self.points(run, key) for key in run.data.metrics},
            "artifacts": self.artifacts(run)
            | self.artifacts(run, "checkpoint")
            | self.artifacts(run, "best"),
        }


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all, since a new one takes seconds."""
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def tree(results: Path) -> Tree:
    sheet = make_study(results / "study-a")
    follow(sheet)
    return Tree(sheet)


@pytest.fixture(scope="module")
def expected(tree: Tree) -> dict[str, Any]:
    """What every way of sending the same study has to come to."""
    return tree.picture()


def same(picture: dict[str, Any], expected: dict[str, Any], study: str) -> bool:
    return eval(repr(expected).replace("study-a", study)) == picture  # noqa: S307 - our own text


def test_mlflow_and_its_http_client_say_nothing_of_their_own() -> None:
    from mlflow.environment_variables import MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT

    assert MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT.get()
    assert not logging.getLogger("urllib3.connectionpool").isEnabledFor(logging.WARNING)


def test_one_parent_with_a_child_per_trial(tree: Tree) -> None:
    assert sorted(tree.children) == ["0", "1", "2"]
    assert {key: tree.parent.data.tags[key] for key in ("model", "study_id", "algorithm", "policy")} == {
        "model": "study-a", "study_id": "study-a", "algorithm": "asha", "policy": "on",
    }  # fmt: skip


def test_searched_parameters_stand_under_their_dotted_names(tree: Tree) -> None:
    assert tree.children["1"].data.params == {"train.lr": "0.001", "kind": "sgd"}


def test_every_epoch_is_a_point_at_its_step(tree: Tree) -> None:
    assert tree.points(tree.children["1"], "AP11")[:3] == [(1, 10.0), (2, 40.0), (3, 30.0)]


def test_headline_of_a_child_is_what_ranking_used(tree: Tree) -> None:
    metrics = tree.children["1"].data.metrics
    assert (metrics["AP11"], metrics["best_AP11"], metrics["best_epoch"]) == (40.0, 40.0, 2.0)


def test_state_and_cause_are_tags_and_runs_are_closed(tree: Tree) -> None:
    ends = {
        name: (run.data.tags["state"], run.data.tags["cause"], run.info.status)
        for name, run in tree.children.items()
    }
    assert ends["1"] == ("succeeded", "", "FINISHED")
    assert ends["2"] == ("failed", "diverged", "FAILED")
    assert tree.parent.info.status == "FINISHED"


def test_charts_lie_with_the_parent(tree: Tree) -> None:
    assert tree.artifacts(tree.parent, "figures") == {"figures/curves.svg"}


def test_the_experiment_keeps_a_view_of_the_trials(tree: Tree) -> None:
    experiment = tree.client.get_experiment(tree.parent.info.experiment_id)
    view = json.loads(experiment.tags[f"mlflow.sharedViewState.{tree.parent.info.run_id}"])
    found = tree.client.search_runs([experiment.experiment_id], view["searchFilter"])
    assert {run.info.run_id for run in found} == {run.info.run_id for run in tree.children.values()}
    assert view["selectedColumns"][-1] == "params.`train.lr`"


def test_parent_shows_the_incumbent_over_trials(tree: Tree) -> None:
    assert tree.points(tree.parent, "incumbent_AP11") == [(1, 5.0), (2, 40.0), (3, 40.0)]
    assert tree.parent.data.metrics["AP11"] == 40.0


def test_files_are_where_people_look(tree: Tree) -> None:
    assert tree.artifacts(tree.children["1"]) == {"spec.yaml", "checkpoint"}
    assert tree.artifacts(tree.children["1"], "checkpoint") == {"checkpoint/epoch_2.pth"}
    told = {"study.json", "events.jsonl", "space.json", "report.html"}
    assert tree.artifacts(tree.parent) == {*told, "figures", "best"}


def test_best_model_is_registered_under_the_models_name(tree: Tree) -> None:
    (version,) = tree.client.search_model_versions("name = 'study-a'")
    assert (version.run_id, version.source.rpartition("/")[2]) == (
        tree.children["1"].info.run_id,
        "checkpoint",
    )


def test_plain_training_is_one_run(results: Path) -> None:
    found = make_study(results / "train-a", [*trial("0", [10.0, 40.0]), StudyEnded("finished")])
    sheet = StudySheet(
        found.study_id, found.root, found.model, METRIC, found.budget, found.space, is_search=False
    )
    follow(sheet)
    tree = Tree(sheet)
    assert (tree.children, tree.parent.data.metrics["AP11"], tree.parent.info.status) == (
        {},
        40.0,
        "FINISHED",
    )


def test_paused_and_queued_trials_show_as_waiting(results: Path) -> None:
    life = [*trial("0", [5.0])[:-1], TrialPaused(TrialId("0"), Cause.RUNG)]
    sheet = make_study(results / "study-paused", life)
    follow(sheet)
    tags = Tree(sheet).children["0"]
    assert (tags.data.tags["state"], tags.data.tags["cause"], tags.info.status) == (
        "paused",
        "rung",
        "SCHEDULED",
    )


def test_epoch_that_is_told_again_after_a_lost_machine_is_one_point(results: Path) -> None:
    zero, report = TrialId("0"), EpochReported(TrialId("0"), Report(1, 5, 5.0, {"AP11": 5.0}))
    again = [TrialQueued(zero, "tried again", Cause.INFRASTRUCTURE), TrialStarted(zero), report]
    life = trial("0", [5.0])
    sheet = make_study(results / "study-again", [*life[:-1], *again, life[-1]])
    follow(sheet)
    tree = Tree(sheet)
    assert tree.points(tree.children["0"], "AP11") == [(1, 5.0)]


def test_sending_everything_again_changes_nothing(results: Path, expected: dict[str, Any]) -> None:
    sheet = make_study(results / "study-twice")
    follow(sheet)
    assert send_study(sheet, store_of(sheet)) == 0
    (sheet.root / "mlflow.json").unlink()
    assert send_study(sheet, store_of(sheet), is_anew=True) > 10
    assert same(Tree(sheet).picture(), expected, "study-twice")
    versions = MlflowClient(store_of(sheet).uri).search_model_versions("name = 'study-twice'")
    assert len(list(versions)) == 1


def test_study_that_is_gone_on_with_stays_in_its_runs(results: Path, expected: dict[str, Any]) -> None:
    whole = make_study(results / "study-whole")
    lines = (whole.root / "events.jsonl").read_bytes().splitlines(keepends=True)
    sheet = make_study(results / "study-resumed")
    for part in (lines[:5], lines[:9], lines):
        (sheet.root / "events.jsonl").write_bytes(b"".join(part))
        follow(sheet)
    assert same(Tree(sheet).picture(), expected, "study-resumed")


class Flaky(MlflowClient):
    """A store that fails at every n-th call, before or after it obeyed."""

    calls = 0
    every = 3
    obeys = True

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name.startswith("_") or not callable(found) or name in {"every", "obeys"}:
            return found
        Flaky.calls += 1
        if Flaky.calls % self.every:
            return found

        def fail(*args: Any, **kwargs: Any) -> Any:
            if self.obeys:
                found(*args, **kwargs)
            raise MlflowException("the server went away", error_code=None)

        return fail


@pytest.mark.parametrize("obeys", [True, False])
def test_calls_that_fail_half_way_leave_nothing_twice_and_nothing_out(
    results: Path, expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch, obeys: bool
) -> None:
    sheet = make_study(results / f"study-flaky-{obeys}")
    with monkeypatch.context() as patch:
        patch.setattr(mlflow_runs, "MlflowClient", Flaky)
        patch.setattr(Flaky, "obeys", obeys)
        for every in (2, 3, 5, 7, 11, 13, 17, 23):
            patch.setattr(Flaky, "every", every)
            with pytest.raises(
                EnvironmentUnusableError, match=r"the server went away\n.*automl sync study-fl"
            ):
                send_study(sheet, store_of(sheet))
    send_study(sheet, store_of(sheet))
    assert same(Tree(sheet).picture(), expected, f"study-flaky-{obeys}")


def test_tracker_that_is_down_is_a_warning_and_sync_sends_it_all(
    results: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, expected: dict[str, Any]
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    sheet = make_study(results / "study-down")
    follow(sheet, TrackingStore("http://127.0.0.1:9", "study-down"))
    assert "MLflow at http://127.0.0.1:9" in caplog.text
    way_on = f"automl sync study-down --results-dir {results}"
    assert f"nothing is lost, the rest is sent by: {way_on}" in caplog.text
    folder = StudyFolder(sheet.root)
    assert folder.read_tracking() is None
    assert folder.read_tracking_store() == TrackingStore("http://127.0.0.1:9", "study-down")
    send_study(sheet, store_of(sheet))
    assert same(Tree(sheet).picture(), expected, "study-down")


def test_slow_tracker_does_not_hold_the_study_for_ever(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mlflow_runs, "_find_experiment", lambda *_: threading.Event().wait(5))
    follow(make_study(tmp_path / "study-slow"), flush_s=0.1)
    assert "did not take everything within 0 s" in caplog.text


def test_study_that_ends_before_it_began_has_nothing_to_wait_for(tmp_path: Path) -> None:
    sheet = make_study(tmp_path / "study-early")
    MlflowSink(store_of(sheet)).study_ended({}, [])
    assert StudyFolder(sheet.root).read_tracking_store() is None


def test_what_the_store_refuses_holds_nothing_up(results: Path, caplog: pytest.LogCaptureFixture) -> None:
    events = [*trial("0", [5.0], params={"x" * 300: 1.0}), *trial("1", [7.0])]
    sheet = make_study(results / "study-refused", events)
    follow(sheet)
    assert "MLflow refuses TrialStarted" in caplog.text
    assert Tree(sheet).children["1"].data.metrics["AP11"] == 7.0


def test_store_that_was_lost_is_filled_again(results: Path, expected: dict[str, Any]) -> None:
    sheet = make_study(results / "study-lost")
    send_study(sheet, store_of(sheet))
    tree = Tree(sheet)
    for run in (tree.parent, *tree.children.values()):
        tree.client.delete_run(run.info.run_id)
    send_study(sheet, store_of(sheet))
    assert same(Tree(sheet).picture(), expected, "study-lost")


def _send_alone(root: Path) -> None:
    sheet = make_study(root, model="shared")
    send_study(sheet, store_of(sheet))


@pytest.mark.slow
def test_eight_studies_that_start_at_once_share_an_empty_store(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_send_alone, args=(tmp_path / f"study-{i}",)) for i in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert {worker.exitcode for worker in workers} == {0}
    client = MlflowClient(choose_store(None, "shared", tmp_path).uri)
    experiment = client.get_experiment_by_name("shared")
    assert len(client.search_runs([experiment.experiment_id])) == 8 * 4
    assert len(list(client.search_model_versions("name = 'shared'"))) == 8


def test_events_are_followed_while_they_are_written(results: Path) -> None:
    sheet = make_study(results / "study-live", EVENTS[:2])
    sink = MlflowSink(store_of(sheet))
    sink.study_started(sheet)
    with EventLog(sheet.root / "events.jsonl") as log:
        for event in EVENTS[2:-1]:
            log.append(event)
            sink.trial_reported(ONE, Report(1, 3, 10.0))
        log.append(EVENTS[-1])
        sink.study_ended({}, [])
    assert Tree(sheet).parent.data.metrics["AP11"] == 40.0


def test_studies_of_one_name_on_two_machines_keep_apart_on_a_server(results: Path) -> None:
    here, there = (make_study(results / place / "same", model="same") for place in ("here", "there"))
    (there.root / "events.jsonl").unlink()
    with EventLog(there.root / "events.jsonl") as log:
        log.append(StudyStarted(2, 0))
        log.append(TrialSuggested(TrialId("0"), {}))
    store = choose_store(None, "same", results)
    for sheet in (here, there):
        send_study(sheet, store)
    links = [StudyFolder(sheet.root).read_tracking() for sheet in (here, there)]
    assert links[0]
    assert links[1]
    assert links[0]["run_id"] != links[1]["run_id"]
