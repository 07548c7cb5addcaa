"""The composition root on a fake skill: studies, plain trainings, plain actions, with real processes."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_ports import RecordingTracker
from fake_skill import write_fake_skill

from automl.adapters.sequential import SequentialScheduler
from automl.app import Outcome, run
from automl.errors import DataError, EnvironmentUnusableError, SpecError, TrialError, UsageError
from automl.request import RunRequest
from automl.study.store import list_folders


@pytest.fixture
def skill(tmp_path: Path) -> Path:
    return write_fake_skill(tmp_path / "skill")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "val.txt").write_text("a")
    (tmp_path / "data" / "test.txt").write_text("b")
    return tmp_path / "data"


@pytest.fixture(autouse=True)
def tracker(monkeypatch: pytest.MonkeyPatch) -> RecordingTracker:
    """No Ray and no MLflow: they have tests of their own."""
    tracker = RecordingTracker()
    monkeypatch.setattr("automl.app.training._make_scheduler", lambda _: SequentialScheduler())
    monkeypatch.setattr("automl.app.training.make_tracker", lambda _: tracker)
    monkeypatch.setattr("automl.app.action.make_tracker", lambda _: tracker)
    return tracker


def start(tmp_path: Path, **fields: Any) -> Outcome:
    base = {"skill_dir": tmp_path / "skill", "results_dir": tmp_path / "results", "trials": 6, "policy": "on"}
    return run(RunRequest(**{**base, **fields}))


def test_study_beats_the_default_and_confirms_it_on_the_test_part(
    tmp_path: Path, skill: Path, data: Path
) -> None:
    document = start(tmp_path, data=str(data), algorithm="asha", trials=8).document
    assert (document["state"], document["default"]) == ("finished", {"trial": "0", "value": 50.0})
    assert document["best"]["value"] > 50.0
    verdict = document["verdict"]
    assert verdict["default"]["test"] == pytest.approx(40.0)
    assert verdict["gain_test"] == pytest.approx(verdict["winner"]["test"] - 40.0)
    checked = yaml.safe_load((Path(document["results_dir"]) / "final_check" / "0" / "spec.yaml").read_text())
    assert checked["dataset"]["test_file"] == str(data / "test.txt")
    assert checked["evaluate"]["diagnose"] is True
    assert (Path(document["results_dir"]) / "report.html").is_file()


def test_without_a_test_part_the_verdict_says_so(tmp_path: Path, skill: Path, data: Path) -> None:
    (data / "test.txt").unlink()
    verdict = start(tmp_path, data=str(data), trials=2).document["verdict"]
    assert (verdict["default"]["test"], verdict["gain_test"]) == (None, None)


def test_spec_of_a_trial_is_whole_and_its_seed_moves_with_the_study(
    tmp_path: Path, skill: Path, data: Path
) -> None:
    document = start(tmp_path, data=str(data), trials=2, seed=2).document
    folder = Path(document["results_dir"]) / "trials" / "1"
    spec = yaml.safe_load((folder / "spec.yaml").read_text())
    assert spec["results_dir"] == str(folder)
    assert (spec["train"]["seed"], spec["train"]["num_epochs"]) == (42, 3)
    assert spec["train"]["lr"] == document["trials"][1]["params"]["train.lr"]


def test_study_sheet_tells_what_was_asked_and_decided(tmp_path: Path, skill: Path, data: Path) -> None:
    document = start(tmp_path, data=str(data), trials=2, seed=5).document
    sheet = json.loads((Path(document["results_dir"]) / "study.json").read_text())
    assert (sheet["model"], sheet["seed"], sheet["budget"]["trials"]) == ("fake", 5, 2)
    assert sheet["plan"]["policy"]["automl"] == "on"
    assert len(sheet["tags"]["dataset_fingerprint"]) == 16
    assert "optuna" in sheet["versions"]


def test_study_in_which_every_trial_fails_ends_with_code_four(
    tmp_path: Path, skill: Path, data: Path
) -> None:
    outcome = start(tmp_path, data=str(data), trials=2, overrides=("train.fail=diverged",))
    assert (outcome.exit_code, outcome.document["state"], outcome.document["best"]) == (4, "failed", None)
    assert [trial["cause"] for trial in outcome.document["trials"]] == ["diverged", "diverged"]


def test_plain_training_is_one_trial_with_a_winner(
    tmp_path: Path, skill: Path, data: Path, tracker: RecordingTracker
) -> None:
    document = start(tmp_path, data=str(data), policy="off").document
    assert document["study_id"].startswith("train-")
    assert [(trial["state"], trial["value"]) for trial in document["trials"]] == [("succeeded", 50.0)]
    assert (Path(document["results_dir"]) / "best" / "checkpoint.pth").is_file()
    assert document["verdict"] is None
    assert tracker.calls[-1] == ("study_ended", ("finished", ["0"]))


@pytest.mark.parametrize(
    ("fail", "error", "code"),
    [("bad_spec", SpecError, 2), ("out_of_memory", EnvironmentUnusableError, 3), ("defect", TrialError, 1)],
)
def test_plain_training_that_fails_is_an_error_with_its_evidence(
    tmp_path: Path, skill: Path, data: Path, fail: str, error: type[Exception], code: int
) -> None:
    with pytest.raises(error, match=rf"train\.log: exit code \d\n{fail}") as caught:
        start(tmp_path, data=str(data), policy="off", overrides=(f"train.fail={fail}",))
    assert getattr(caught.value, "exit_code", None) == code


def test_evaluate_starts_from_the_winner_of_a_study(tmp_path: Path, skill: Path, data: Path) -> None:
    study = start(tmp_path, data=str(data), trials=2).document
    job = start(tmp_path, action="evaluate", data=str(data), parent_job_id=study["study_id"]).document
    spec = yaml.safe_load((Path(job["results_dir"]) / "spec.yaml").read_text())
    assert spec["evaluate"]["checkpoint"] == f"{study['results_dir']}/best/checkpoint.pth"
    assert (job["action"], job["state"], job["message"]) == ("evaluate", "succeeded", "measured")
    assert job["kpi"]["AP11"] >= 40.0
    assert [folder.id for folder in list_folders(tmp_path / "results")] == [study["study_id"], job["job_id"]]


@pytest.mark.parametrize("policy", ["on", "off"])
def test_evaluate_builds_the_model_that_was_trained(
    tmp_path: Path, skill: Path, data: Path, policy: str
) -> None:
    trained = start(tmp_path, data=str(data), trials=1, policy=policy, overrides=("model.width=16",)).document
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "test.txt").write_text("c")
    job = start(tmp_path, action="evaluate", data=str(tmp_path / "new"), parent_job_id=trained["study_id"])
    spec = yaml.safe_load((Path(job.document["results_dir"]) / "spec.yaml").read_text())
    assert set(spec) == {"results_dir", "model", "evaluate", "dataset"}
    assert spec["model"] == {"width": 16}
    assert spec["dataset"] == {"test_file": str(tmp_path / "new" / "test.txt")}
    assert spec["results_dir"] == job.document["results_dir"]


def test_failed_action_leaves_its_job_and_raises(
    tmp_path: Path, skill: Path, data: Path, tracker: RecordingTracker
) -> None:
    with pytest.raises(DataError, match="exit code 3\nno checkpoint"):
        start(tmp_path, action="evaluate", data=str(data))
    assert tracker.calls[-2:] == [("trial_ended", ("0", "failed", False)), ("study_ended", ("failed", []))]


def test_missing_program_is_named_before_anything_starts(tmp_path: Path, skill: Path, data: Path) -> None:
    info = skill / "references" / "skill_info.yaml"
    info.write_text(info.read_text().replace("command: python", "command: no-such-trainer"))
    with pytest.raises(
        EnvironmentUnusableError, match=r"skill_info\.yaml: 'no-such-trainer' is not on the path"
    ):
        start(tmp_path, data=str(data))
    assert not (tmp_path / "results").exists()


def test_unknown_parent_is_refused(tmp_path: Path, skill: Path, data: Path) -> None:
    with pytest.raises(UsageError, match="there is no job 'study-x'"):
        start(tmp_path, action="evaluate", data=str(data), parent_job_id="study-x")
