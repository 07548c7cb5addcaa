"""``automl export``: the folder that leaves a study."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_skill import group, leaf, write_fake_skill
from fake_study import METRIC, finished_study

from automl.cli.main import main
from automl.request import RunRequest
from automl.study.state import read_state
from automl.study.store import StudyFolder
from automl.types import TrialId

EXPORTER = """
import json, sys, yaml
from pathlib import Path
spec = yaml.safe_load(open(sys.argv[2]))
out = Path(spec["results_dir"])
weights = Path(spec["export"]["checkpoint"]).read_text()
(out / "weights.bin").write_text(weights.upper() + str(spec["train"]["lr"]))
(out / "onnx").mkdir()
(out / "onnx" / "a.onnx").write_text("a")
part = {"part": "trunk", "file": "onnx/a.onnx", "largest_difference": 2e-6, "largest_value": 3.0}
account = {"example": "python use.py", "onnx": [part], "not_in_onnx": [{"part": "head", "reason": "too odd"}]}
(out / "export.json").write_text(json.dumps(account))
sys.exit(int(spec["export"]["code"]))
"""


def add_export_action(skill: Path, code: int = 0) -> None:
    groups = {
        "train": {"lr": leaf("float", 0.5)},
        "export": {"checkpoint": leaf("string", ""), "code": leaf("int", code)},
    }
    default = {"results_dir": "", **{n: {k: e["default"] for k, e in g.items()} for n, g in groups.items()}}
    schema = {
        "type": "object", "automl_default_parameters": [], "automl_disabled_parameters": [],
        "default": default,
        "properties": {"results_dir": leaf("string", ""), **{name: group(g) for name, g in groups.items()}},
    }  # fmt: skip
    (skill / "schemas" / "export.schema.json").write_text(json.dumps(schema))
    (skill / "references" / "spec_template_export.yaml").write_text(yaml.safe_dump(default))
    (skill / "export.py").write_text(EXPORTER)
    card = skill / "references" / "skill_info.yaml"
    info: dict[str, Any] = yaml.safe_load(card.read_text())
    info["actions"]["export"] = {"command": "python {skill_dir}/export.py -e {config_path}"}
    info["spec_params"]["export"] = {"results_dir": "output_dir", "export.checkpoint": "parent_model"}
    card.write_text(yaml.safe_dump(info))


@pytest.fixture
def study(tmp_path: Path) -> StudyFolder:
    """Trial 2 won at epoch 4 and keeps that checkpoint; trial 1 keeps none."""
    skill = write_fake_skill(tmp_path / "skill")
    folder = finished_study(tmp_path / "results" / "study-a")
    sheet = json.loads(folder.sheet.read_text())
    sheet["request"] = {**RunRequest().to_json(), "skill_dir": str(skill)}
    folder.sheet.write_text(json.dumps(sheet))
    trial = folder.trial(TrialId("2"))
    trial.write_spec({"results_dir": "/elsewhere", "train": {"lr": 0.001, "num_epochs": 5}})
    trial.checkpoints.mkdir()
    (trial.checkpoints / "epoch_4.pth").write_text("weights of epoch 4")
    return folder


def call(
    capsys: pytest.CaptureFixture[str], study: StudyFolder, *arguments: str
) -> tuple[int, dict[str, Any]]:
    with pytest.raises(SystemExit) as ended:
        main(["export", *arguments, "--results-dir", str(study.root.parent), "--json"])
    return int(ended.value.code or 0), json.loads(capsys.readouterr().out)


def test_a_model_without_export_gives_spec_checkpoint_and_card(
    study: StudyFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = call(capsys, study, "best", "--out", str(tmp_path / "out"))
    assert (code, found["files"]) == (0, ["README.md", "checkpoint.pth", "metrics.json", "spec.yaml"])
    assert (tmp_path / "out" / "checkpoint.pth").read_text() == "weights of epoch 4"
    card = (tmp_path / "out" / "README.md").read_text()
    assert "# fake, trial 2 of study-a\n\nAP11 60.00 on the validation part, at epoch 4." in card
    assert "Trial 2 gains +37.00 AP11 over the default spec." in card
    assert "| `train.lr` | 1e-05 | 0.001 |" in card
    assert "The model has no export action" in card


def test_the_models_own_export_sees_the_trained_spec_and_the_checkpoint(
    study: StudyFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_export_action(tmp_path / "skill")
    code, found = call(capsys, study, "2", "--out", str(tmp_path / "out"))
    assert code == 0
    assert found["files"] == [
        "README.md", "export.json", "metrics.json", "onnx/a.onnx", "spec.yaml", "weights.bin",
    ]  # fmt: skip
    assert (tmp_path / "out" / "weights.bin").read_text() == "WEIGHTS OF EPOCH 40.001"
    assert found["not_in_onnx"] == [{"part": "head", "reason": "too odd"}]
    card = (tmp_path / "out" / "README.md").read_text()
    assert "    python use.py\n" in card
    assert "| trunk | `onnx/a.onnx` | 2.0e-06 | 3 |" in card
    assert "- head: too odd" in card


def test_a_failing_export_leaves_its_log(
    study: StudyFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_export_action(tmp_path / "skill", code=3)
    code, found = call(capsys, study, "best", "--out", str(tmp_path / "out"))
    assert (code, found["error"]["kind"]) == (3, "data")
    assert found["error"]["where"] == str(tmp_path / "out" / "train.log")
    assert (tmp_path / "out" / "train.log").is_file()


def test_a_trial_without_checkpoint_says_how_to_get_one(
    study: StudyFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = call(capsys, study, "1", "--out", str(tmp_path / "out"))
    assert (code, found["error"]["message"]) == (
        4, "trial 1 keeps no checkpoint: only winner and default do",
    )  # fmt: skip
    place = study.root.parent
    assert found["error"]["hint"] == f"automl reproduce 1 study-a --results-dir {place} trains it again"


def test_nothing_is_overwritten(
    study: StudyFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").touch()
    code, found = call(capsys, study, "best", "--out", str(tmp_path / "out"))
    assert (code, found["error"]["where"]) == (2, f"--out:{tmp_path / 'out'}")
    assert read_state(study.events, METRIC).verdict is not None


def test_people_see_files_and_what_onnx_cannot_hold(
    study: StudyFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_export_action(tmp_path / "skill")
    with pytest.raises(SystemExit):
        main(["export", "best", "--out", str(tmp_path / "out"), "--results-dir", str(study.root.parent)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"trial 2 of study-a in {tmp_path / 'out'}"
    assert "ONNX: trunk, off by at most 2.0e-06" in lines
    assert "not in ONNX: head (too odd)" in lines
