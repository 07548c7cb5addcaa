"""``automl reproduce`` on studies of the fake trainer, with real processes."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_skill import write_fake_skill
from fake_study import METRIC, trial, write_study

from automl.cli.main import main
from automl.types import Origin, TrialId

ASKED: dict[str, Any] = {"versions": {"python": "3.9.1"}, "plan": {"data_sources": {"a": "/nowhere/x.txt"}}}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A study whose trial 0 measured 10, 20 and 30, as the trainer measures again, and trial 1 otherwise."""
    skill = write_fake_skill(tmp_path / "skill")
    request = {**_request(), "skill_dir": str(skill)}
    lives = [
        *trial("0", [10.0, 20.0, 30.0]),
        *trial("1", [10.0, 21.5], params={}),
        *trial("2", [30.0], params={}, origin=Origin(TrialId("0"), 2)),
        *trial("3", [], params={}),
    ]
    folder = write_study(tmp_path / "results" / "study-a", lives, asked={"request": request, **ASKED})
    for name in "0123":
        train = {"num_epochs": 3, "lr": 1e-6, "best_lr": 1e-3, "seed": 1}
        folder.trial(TrialId(name)).write_spec({"results_dir": "/elsewhere", "train": train})
    return tmp_path / "results"


def _request() -> dict[str, Any]:
    from automl.request import RunRequest

    return RunRequest().to_json()


def call(
    capsys: pytest.CaptureFixture[str], results: Path, *arguments: str
) -> tuple[int, dict[str, Any], str]:
    with pytest.raises(SystemExit) as ended:
        main(["reproduce", *arguments, "study-a", "--results-dir", str(results), "--json"])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), json.loads(out), err


def test_the_same_spec_gives_the_same_curve(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found, err = call(capsys, results, "0")
    assert (code, found["is_equal"], found["largest_difference"]) == (0, True, 0.0)
    assert [epoch["now"] for epoch in found["epochs"]] == [10.0, 20.0, 30.0]
    assert "epoch 3 of 3: AP11 30.00" in err
    spec = yaml.safe_load((Path(found["folder"]) / "spec.yaml").read_text())
    assert spec["results_dir"] == found["folder"]


def test_a_difference_is_told_with_what_changed_since(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, found, _ = call(capsys, results, "1")
    assert (found["is_equal"], found["largest_difference"]) == (False, 1.5)
    assert len(found["epochs"]) == 2  # no further than the trial came then
    assert found["changes"][0].startswith("python was 3.9.1 and is 3.11")
    assert found["changes"][1] == "the data are not the same: /nowhere/x.txt"


def test_a_trial_that_began_from_another_needs_its_checkpoint(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found, _ = call(capsys, results, "2")
    assert code == 4
    assert found["error"]["message"] == "trial 2 began from epoch 2 of trial 0, whose checkpoint is gone"
    way_on = f"automl reproduce 0 study-a --results-dir {results}"
    assert found["error"]["hint"] == f"{way_on} trains that one again"


def test_a_trial_without_an_epoch_cannot_be_compared(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found, _ = call(capsys, results, "3")
    assert (code, found["error"]["message"]) == (4, "trial 3 never finished an epoch")
    assert os.listdir(results) == ["study-a"]  # noqa: PTH208


def test_people_see_both_curves_and_the_bottom_line(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["reproduce", "1", "--results-dir", str(results), "--quiet"])
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines()[2].split() == ["2", "21.5000", "20.0000"]
    assert f"different: {METRIC.name} is off by up to 1.5000" in out
