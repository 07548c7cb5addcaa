"""``automl init``: a file that ``run`` and ``plan`` take, with every flag in it."""

import json
from pathlib import Path

import pytest
import yaml
from fake_skill import write_fake_skill

from automl.cli.main import main
from automl.cli.options import build_request


def init(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["init", *arguments])
    return int(ended.value.code or 0)


def test_the_file_asks_for_what_was_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    skill, out = write_fake_skill(tmp_path / "skill"), tmp_path / "run.yaml"
    assert init("--skill-dir", str(skill), "--data", "/data/mine", "--out", str(out)) == 0
    request = build_request({"config": out})
    assert (request.skill_dir, request.data) == (skill.resolve(), "/data/mine")
    assert f"automl plan --config {out}" in capsys.readouterr().out


def test_a_machine_is_told_the_path_and_a_person_that_the_data_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run.yaml"
    assert init("--out", str(out), "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"path": str(out)}
    assert init("--data", "/nowhere/kitti", "--out", str(tmp_path / "b.yaml")) == 0
    assert capsys.readouterr().out.startswith("there is no folder /nowhere/kitti yet\n")


def test_every_example_in_it_can_be_switched_on(tmp_path: Path) -> None:
    """Each commented key is one that ``--config`` knows, with a value of its kind."""
    out = tmp_path / "run.yaml"
    init("--out", str(out))
    lines = [line.removeprefix("# ") for line in out.read_text().splitlines() if line.startswith("# ")]
    keys = [
        line
        for line in lines
        if ": " in line and line.split(":")[0].islower() and " " not in line.split(":")[0]
    ]
    assert len(keys) > 30
    for line in keys:
        one = tmp_path / "one.yaml"
        one.write_text(line + "\n")
        build_request({"config": one})
        assert len(yaml.safe_load(line)) == 1


def test_an_existing_file_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run.yaml"
    out.write_text("mine: true\n")
    assert init("--out", str(out)) == 2
    assert out.read_text() == "mine: true\n"
    assert f"--out:{out}: is there already\n  -> give another name with --out" in capsys.readouterr().err
