from pathlib import Path

import pytest

from automl.errors import StatusError
from automl.trials.status_reader import StatusLine, StatusReader
from automl.types import Report

RUNNING = (
    '{"status": "RUNNING", "message": "", "epoch": 3, "max_epoch": 27, "kpi": {"AP11": 41.2, "loss": 0.9}}\n'
)


def test_nothing_yet_when_the_file_is_missing(tmp_path: Path) -> None:
    assert StatusReader(tmp_path / "status.json").read_new() == []


def test_line_becomes_an_epoch_report(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    path.write_text(RUNNING)
    (line,) = StatusReader(path).read_new()
    assert line.to_report("AP11") == Report(3, 27, 41.2, {"AP11": 41.2, "loss": 0.9})


def test_unfinished_last_line_means_not_yet(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    path.write_text(RUNNING + RUNNING[:40])
    reader = StatusReader(path)
    assert [line.epoch for line in reader.read_new()] == [3]
    with path.open("a") as stream:
        stream.write(RUNNING[40:])
    assert [line.epoch for line in reader.read_new()] == [3]
    assert reader.read_new() == []


@pytest.mark.parametrize("value", ["null", "NaN", "Infinity", "-Infinity"])
def test_measurement_that_is_not_finite_is_no_score(tmp_path: Path, value: str) -> None:
    path = tmp_path / "status.json"
    path.write_text('{"status": "RUNNING", "epoch": 1, "kpi": {"AP11": ' + value + ', "loss": 2}}\n')
    (line,) = StatusReader(path).read_new()
    assert line.to_report("AP11") == Report(1, 0, None, {"loss": 2.0})


def test_line_without_epoch_is_no_report(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    path.write_text('{"status": "STARTED", "max_epoch": 5}\n')
    (line,) = StatusReader(path).read_new()
    assert (line, line.to_report("AP11")) == (StatusLine("STARTED", max_epoch=5), None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{broken", "not JSON"),
        ("[1, 2]", "not a JSON object"),
        ('{"epoch": "three"}', "epoch is 'three'"),
        ('{"epoch": -1}', "epoch is -1"),
        ('{"epoch": 1, "kpi": [1]}', r"kpi is \[1\]"),
        ('{"epoch": 1, "kpi": {"AP11": "41"}}', "kpi AP11 is '41'"),
        ('{"epoch": 1, "kpi": {"AP11": true}}', "kpi AP11 is True"),
    ],
)
def test_bad_complete_line_is_an_error_that_shows_it(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "status.json"
    path.write_text(text + "\n")
    with pytest.raises(StatusError, match=rf"status\.json: {problem}"):
        StatusReader(path).read_new()


def test_reader_skips_lines_of_an_earlier_launch(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    path.write_text(RUNNING)
    reader = StatusReader(path, offset=path.stat().st_size)
    with path.open("a") as stream:
        stream.write(RUNNING.replace('"epoch": 3', '"epoch": 4'))
    assert [line.epoch for line in reader.read_new()] == [4]
