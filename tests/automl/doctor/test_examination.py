"""The whole examination of a toy skill, with and without a doctor of its own."""

import json
from pathlib import Path
from typing import Any

import pytest
from skills import toy_info, write_data, write_skill

from automl.cli.main import main
from automl.doctor import Check, CheckStatus, examination

DOCTOR = """
import json, sys, yaml
spec = yaml.safe_load(open(sys.argv[2]))
checks = [
    {"name": "torch", "status": "ok", "found": "2.13"},
    {"name": "train file", "status": "failed", "found": spec["dataset"]["train"], "remedy": "convert"},
]
print(json.dumps({"checks": checks}))
sys.exit(3)
"""


def write_doctor(root: Path, body: str) -> Path:
    info = toy_info() | {"doctor": "python {skill_dir}/doctor.py -e {config_path} --json"}
    skill = write_skill(root, info=info)
    (skill / "doctor.py").write_text(body)
    return skill


@pytest.fixture(autouse=True)
def _no_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "check_ray", lambda _: Check("ray", CheckStatus.OK, "not asked"))


def examine(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, *arguments: str
) -> tuple[int, dict[str, Any]]:
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--results-dir", str(tmp_path / "results"), "--json", *arguments])
    document = json.loads(capsys.readouterr().out)
    return int(ended.value.code or 0), document


def by_name(document: dict[str, Any]) -> dict[str, dict[str, str]]:
    return {check["name"]: check for check in document["checks"]}


def test_a_model_without_a_doctor_is_checked_from_outside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    skill, data = write_skill(tmp_path / "skill"), write_data(tmp_path / "data")
    code, document = examine(capsys, tmp_path, "--skill-dir", str(skill), "--data", str(data))
    assert code == 0
    assert list(by_name(document)) == [
        "python", "packages", "gpus", "ray", "mlflow", "schemas", "data files", "spec", "memory", "disk",
    ]  # fmt: skip
    assert by_name(document)["data files"]["status"] == "ok"


def test_the_models_own_doctor_sees_the_resolved_spec(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    skill, data = write_doctor(tmp_path / "skill", DOCTOR), write_data(tmp_path / "data")
    code, document = examine(capsys, tmp_path, "--skill-dir", str(skill), "--data", str(data))
    checks = by_name(document)
    assert (code, document["status"]) == (3, "failed")
    assert checks["torch"] == {"name": "torch", "status": "ok", "found": "2.13", "remedy": ""}
    assert checks["train file"]["found"] == str(data / "train.pkl")


@pytest.mark.parametrize(
    "body", ["print('Traceback'); raise SystemExit(1)", 'print(\'{"checks": [{"name": "a"}]}\')']
)
def test_a_doctor_that_breaks_is_itself_a_finding(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], body: str
) -> None:
    skill = write_doctor(tmp_path / "skill", body)
    code, document = examine(capsys, tmp_path, "--skill-dir", str(skill))
    found = by_name(document)["toy doctor"]
    assert code == 3
    assert "no list of checks" in found["found"]
    assert found["remedy"] == "run it by hand: python {skill_dir}/doctor.py -e {config_path} --json"


def test_missing_files_and_a_wrong_spec_are_told_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    skill = write_doctor(tmp_path / "skill", DOCTOR)
    (tmp_path / "empty").mkdir()
    code, document = examine(
        capsys, tmp_path, "--skill-dir", str(skill), "--data", str(tmp_path / "empty"), "--set", "train.lrr=1"
    )
    checks = by_name(document)
    assert code == 3
    assert f"{tmp_path / 'empty' / 'train.pkl'}: dataset.train" in checks["data files"]["found"]
    assert "dataset_convert" in checks["data files"]["remedy"]
    assert "train.lrr" in checks["spec"]["found"]
    assert "torch" not in checks  # no spec to be examined with


def test_broken_schemas_are_a_warning_since_training_still_works(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    skill = write_skill(tmp_path / "skill")
    (skill / "schemas" / "train.schema.json").unlink()
    code, document = examine(capsys, tmp_path, "--skill-dir", str(skill))
    assert (code, by_name(document)["schemas"]["status"]) == (0, "warning")


def test_people_get_a_line_each_and_the_bottom_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    skill = write_doctor(tmp_path / "skill", DOCTOR)
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--skill-dir", str(skill), "--results-dir", str(tmp_path)])
    lines = capsys.readouterr().out.splitlines()
    assert ended.value.code == 3
    assert "ok       torch                  2.13" in lines
    assert lines[-1] == "1 of 12 checks failed: a study would fail"
