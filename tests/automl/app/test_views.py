"""``automl sync`` and ``automl rebuild``: the views of a study are made from its events."""

import json
import shutil
from typing import Any

import pytest
from fake_skill import write_fake_skill
from mlflow import MlflowClient

from automl.adapters.sequential import SequentialScheduler
from automl.app import run
from automl.cli.main import main
from automl.request import RunRequest
from automl.study.events import EventLog
from automl.study.store import StudyFolder

DEAD = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> StudyFolder:
    """A study whose tracking server was down all the time."""
    root = tmp_path_factory.mktemp("views")
    request = RunRequest(
        skill_dir=write_fake_skill(root / "skill"), results_dir=root / "results", trials=3, study_id="night",
        overrides=("dataset.test_file=none",), tracking_uri=DEAD, quiet=True,
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        patch.setattr("automl.app.training._make_scheduler", lambda _: SequentialScheduler())
        assert run(request).exit_code == 0
    return StudyFolder(root / "results" / "night")


def call(capsys: pytest.CaptureFixture[str], study: StudyFolder, *words: str) -> tuple[int, dict[str, Any]]:
    with pytest.raises(SystemExit) as ended:
        main([*words, "night", "--results-dir", str(study.root.parent), "--json"])
    return int(ended.value.code or 0), json.loads(capsys.readouterr().out)


def count_runs(study: StudyFolder) -> int:
    link = study.read_tracking()
    assert link is not None
    return len(MlflowClient(link["tracking_uri"]).search_runs([link["experiment_id"]]))


def test_sync_says_that_the_store_does_not_answer(
    study: StudyFolder, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    code, told = call(capsys, study, "sync")
    assert (code, told["error"]["where"], told["error"]["hint"]) == (
        3, DEAD, f"once it answers: automl sync night --results-dir {study.root.parent}",
    )  # fmt: skip


def test_sync_fills_another_store_once_and_rebuild_makes_the_files_again(
    study: StudyFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    uri = f"sqlite:///{study.root.parent / 'mlflow.db'}"
    code, told = call(capsys, study, "sync", "--tracking-uri", uri)
    assert (code, told["tracking_uri"], count_runs(study)) == (0, uri, 4)
    assert call(capsys, study, "sync")[1]["events"] == 0
    before = {path.name: path.read_bytes() for path in study.best.iterdir()}
    shutil.rmtree(study.best)
    (study.root / "report.html").unlink()
    code, again = call(capsys, study, "rebuild")
    assert (code, again["events"], count_runs(study)) == (0, told["events"], 4)
    assert {path.name: path.read_bytes() for path in study.best.iterdir()} == before
    assert (study.root / "report.html").is_file()


@pytest.mark.parametrize("command", ["sync", "rebuild"])
def test_study_in_the_hands_of_a_controller_is_left_to_it(
    study: StudyFolder, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    with EventLog(study.events):
        code, told = call(capsys, study, command)
    assert (code, told["error"]["message"]) == (2, "night is run by a living controller")


def test_store_of_no_kind_is_refused(study: StudyFolder, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = call(capsys, study, "sync", "--tracking-uri", "file:///x")
    assert (code, told["error"]["message"]) == (2, "'file' is no tracking store")
