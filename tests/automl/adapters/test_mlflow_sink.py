from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from automl.adapters.mlflow_sink import MlflowSink, local_tracking_uri
from automl.study.store import StudyFolder
from automl.types import (
    Budget,
    Cause,
    Direction,
    Metric,
    Report,
    StudyId,
    StudySheet,
    TrialId,
    TrialRecord,
    TrialState,
)

REPORTS = tuple(
    Report(epoch, 3, value, {"AP11": value, "loss": 1 / epoch})
    for epoch, value in enumerate((10.0, 40.0, 30.0), 1)
)
WINNER = TrialRecord(
    TrialId("1"),
    {"train.lr": 1e-3, "kind": "sgd"},
    TrialState.SUCCEEDED,
    reports=REPORTS,
    value=40.0,
    best_epoch=2,
)
FAILED = TrialRecord(TrialId("2"), {"train.lr": 1.0}, TrialState.FAILED, Cause.DIVERGED)
STUDY = StudyId("study-20260101-000000-abcd")


def make_files(root: Path) -> None:
    trial = StudyFolder(root).trial(WINNER.id)
    trial.write_spec({"train": {"lr": 1e-3}})
    trial.checkpoints.mkdir()
    (trial.checkpoints / "epoch_2.pth").write_text("weights")
    (root / "study.json").write_text("{}")
    (root / "best").mkdir()
    (root / "best" / "spec.yaml").write_text("train: {lr: 0.001}\n")


def play(
    results: Path,
    study: str = STUDY,
    *,
    is_search: bool = True,
    uri: str | None = None,
    flush_s: float = 60.0,
) -> StudySheet:
    """A study of a model of its own name, so that tests can share one store."""
    metric = Metric("AP11", Direction.MAXIMIZE)
    space = {"parameters": [{"name": "train.lr"}]}
    tags = {"algorithm": "asha", "policy": "on"}
    sheet = StudySheet(StudyId(study), results / study, study, metric, Budget(2, 3), space, tags, is_search)
    make_files(sheet.root)
    uri = uri or local_tracking_uri(results)
    sink = MlflowSink(uri, study, artifacts=results / "mlartifacts", flush_s=flush_s)
    sink.study_started(sheet)
    sink.trial_started(WINNER)
    for report in REPORTS:
        sink.trial_reported(WINNER.id, report)
    sink.trial_ended(WINNER, is_incumbent=True)
    if is_search:
        sink.trial_ended(FAILED, is_incumbent=False)
    sink.study_ended({"state": "finished", "best": {"trial": "1", "value": 40.0}}, [WINNER])
    return sheet


class Tree:
    """The runs of one tracked study."""

    def __init__(self, results: Path) -> None:
        play(results)
        self.client = MlflowClient(local_tracking_uri(results))
        link = StudyFolder(results / STUDY).read_tracking()
        assert link is not None
        self.parent = self.client.get_run(link["run_id"])
        children = self.client.search_runs(
            [link["experiment_id"]], f"tags.mlflow.parentRunId = '{link['run_id']}'"
        )
        self.children = {run.data.tags["trial"]: run for run in children}

    def artifacts(self, run: Run, path: str | None = None) -> set[str]:
        return {entry.path for entry in self.client.list_artifacts(run.info.run_id, path)}

    def points(self, run: Run, key: str) -> list[tuple[int, float]]:
        history = self.client.get_metric_history(run.info.run_id, key)
        return [(point.step, point.value) for point in history]


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all, since a new one takes seconds."""
    return tmp_path_factory.mktemp("results")


@pytest.fixture(scope="module")
def tree(results: Path) -> Tree:
    return Tree(results)


def test_one_parent_with_a_child_per_trial(tree: Tree) -> None:
    assert sorted(tree.children) == ["1", "2"]
    assert {key: tree.parent.data.tags[key] for key in ("model", "study_id", "algorithm", "policy")} == {
        "model": STUDY, "study_id": STUDY, "algorithm": "asha", "policy": "on",
    }  # fmt: skip


def test_searched_parameters_stand_under_their_dotted_names(tree: Tree) -> None:
    assert tree.children["1"].data.params == {"train.lr": "0.001", "kind": "sgd"}


def test_every_epoch_is_a_point_at_its_step(tree: Tree) -> None:
    assert tree.points(tree.children["1"], "loss") == [(1, 1.0), (2, 0.5), (3, 1 / 3)]
    assert tree.points(tree.children["1"], "AP11")[:3] == [(1, 10.0), (2, 40.0), (3, 30.0)]


def test_headline_of_a_child_is_what_ranking_used(tree: Tree) -> None:
    metrics = tree.children["1"].data.metrics
    assert (metrics["AP11"], metrics["best_AP11"], metrics["best_epoch"]) == (40.0, 40.0, 2.0)


def test_state_and_cause_are_tags_and_runs_are_closed(tree: Tree) -> None:
    ends = {
        trial: (run.data.tags["state"], run.data.tags["cause"], run.info.status)
        for trial, run in tree.children.items()
    }
    assert ends == {"1": ("succeeded", "", "FINISHED"), "2": ("failed", "diverged", "FAILED")}
    assert tree.parent.info.status == "FINISHED"


def test_parent_shows_the_incumbent_over_trials(tree: Tree) -> None:
    assert tree.points(tree.parent, "incumbent_AP11") == [(1, 40.0), (2, 40.0)]
    assert tree.parent.data.metrics["AP11"] == 40.0


def test_files_are_where_people_look(tree: Tree) -> None:
    assert tree.artifacts(tree.children["1"]) == {"spec.yaml", "checkpoint"}
    assert tree.artifacts(tree.children["1"], "checkpoint") == {"checkpoint/epoch_2.pth"}
    assert tree.artifacts(tree.parent) == {"study.json", "space.json", "best"}


def test_best_model_is_registered_under_the_models_name(tree: Tree) -> None:
    (version,) = tree.client.search_model_versions(f"name = '{STUDY}'")
    assert (version.run_id, version.source.rpartition("/")[2]) == (
        tree.children["1"].info.run_id,
        "checkpoint",
    )


def test_plain_training_is_one_run(results: Path) -> None:
    play(results, "train-a", is_search=False)
    client = MlflowClient(local_tracking_uri(results))
    experiment = client.get_experiment_by_name("train-a")
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.data.metrics["AP11"], run.info.status) == (40.0, "FINISHED")
    assert "mlflow.parentRunId" not in run.data.tags


def test_second_study_of_a_model_adds_a_version(results: Path) -> None:
    play(results, "study-b")
    (results / "study-b").rename(results / "earlier")
    play(results, "study-b")
    client = MlflowClient(local_tracking_uri(results))
    assert [found.version for found in client.search_model_versions("name = 'study-b'")] == [2, 1]


def test_tracker_that_is_down_is_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: Any
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    play(tmp_path, uri="http://127.0.0.1:9", flush_s=20.0)
    assert "MLflow at http://127.0.0.1:9" in caplog.text
    assert StudyFolder(tmp_path / STUDY).read_tracking() is None


def test_slow_tracker_does_not_hold_the_study_for_ever(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: Any
) -> None:
    monkeypatch.setattr(MlflowSink, "_open", lambda *_: __import__("time").sleep(5))
    play(tmp_path, flush_s=0.1)
    assert "is slow: gave up waiting after 0 s" in caplog.text
