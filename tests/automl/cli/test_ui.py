"""Where ``automl ui`` leads."""

import socket
from pathlib import Path

import pytest
from fake_study import finished_study

from automl.adapters.mlflow_pages import describe_view
from automl.cli.main import main
from automl.cli.ui import list_pages
from automl.study.store import StudyFolder
from automl.tracking import TrackingStore
from automl.types import Direction, Metric, StudySheet

LINK = {"experiment_id": "7", "run_id": "abc"}


def track(folder: StudyFolder, uri: str) -> None:
    folder.write_tracking(TrackingStore(uri, "fake"), **LINK)


def open_ui(capsys: pytest.CaptureFixture[str], *flags: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(["ui", *flags])
    return int(ended.value.code or 0), capsys.readouterr().err


def test_a_study_has_a_page_with_its_answer_and_one_with_its_trials() -> None:
    assert list_pages(LINK, is_search=True) == {
        "answer": "#/experiments/7/runs/abc?workflowType=machine_learning",
        "trials": "#/experiments/7/runs?viewStateShareKey=abc&workflowType=machine_learning",
    }
    assert list(list_pages(LINK, is_search=False)) == ["answer"]


@pytest.mark.parametrize(
    ("direction", "is_ascending"), [(Direction.MAXIMIZE, "false"), (Direction.MINIMIZE, "true")]
)
def test_trials_are_listed_best_first_beside_what_they_tried(
    tmp_path: Path, direction: Direction, is_ascending: str
) -> None:
    space = {"parameters": [{"name": f"train.p{i}"} for i in range(20)]}
    sheet = finished_study(tmp_path / "study-a").read_sheet()
    view = describe_view(
        StudySheet(
            sheet.study_id, sheet.root, "fake", Metric("val loss", direction), sheet.budget, space, {}
        ),
        "abc",
    )
    assert view.startswith(
        "{\"searchFilter\": \"tags.`mlflow.parentRunId` = 'abc' and tags.role = 'search'\""
    )
    assert f'"orderByKey": "metrics.`val loss`", "orderByAsc": {is_ascending}, ' in view
    assert '["metrics.`val loss`", "metrics.`best_epoch`", "tags.`state`", "params.`train.p0`"' in view
    assert view.endswith('"params.`train.p11`"]}')


def test_pages_of_a_server_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    track(finished_study(tmp_path / "study-a"), "http://tracking.example/")
    code, err = open_ui(capsys, "--results-dir", str(tmp_path))
    assert code == 0
    assert "answer  http://tracking.example/#/experiments/7/runs/abc?" in err


def test_a_port_that_is_taken_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    track(finished_study(tmp_path / "study-a"), "sqlite:///x.db")
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, err = open_ui(capsys, "--results-dir", str(tmp_path), "--port", str(port))
    expected = f"error: --port: port {port} is taken by another program\n  -> try --port {port + 1}\n"
    assert (code, err) == (2, expected)


def test_a_study_that_was_never_sent_has_no_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    finished_study(tmp_path / "study-a")
    code, err = open_ui(capsys, "--results-dir", str(tmp_path))
    assert (code, err) == (
        2, f"error: {tmp_path}: the newest study was not tracked\n  -> give --tracking-uri\n",
    )  # fmt: skip
