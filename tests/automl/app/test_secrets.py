"""A secret is planted where users put theirs; then all that a study leaves behind is searched for it."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from fake_skill import write_fake_skill

SECRET = "hunter2-correct-horse"  # noqa: S105 - planted
ONE_AT_A_TIME = """
import sys
from automl.adapters.sequential import SequentialScheduler
from automl.app import training
from automl.cli.main import main
training._make_scheduler = lambda _: SequentialScheduler()
main(sys.argv[1:])
"""


@pytest.fixture
def skill(tmp_path: Path) -> Path:
    """The fake skill with an encryption key, as model banks have one."""
    root = write_fake_skill(tmp_path / "skill")
    path = root / "references" / "skill_info.yaml"
    info = yaml.safe_load(path.read_text())
    info["spec_params"]["train"]["dataset.test_file"] = "key"
    path.write_text(yaml.safe_dump(info))
    return root


def command_lines() -> str:
    """What every user of this machine sees of the processes that this test started."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_bytes().decode("utf-8", "replace")
        except OSError:
            continue
        if "trainer.py" in text or "guard.py" in text:
            found.append(text)
    return "\n".join(found)


def test_secret_of_the_environment_and_of_the_spec_is_nowhere(tmp_path: Path, skill: Path) -> None:
    spec = tmp_path / "my_spec.yaml"
    spec.write_text(yaml.safe_dump({"dataset": {"test_file": SECRET}}))
    place = ["--skill-dir", str(skill), "--results-dir", str(tmp_path / "results"), "--study-id", "night"]
    wishes = ["--trials", "3", "--set", "train.epoch_s=0.1", "--set", "train.fail=defect"]
    process = subprocess.Popen(
        [sys.executable, "-c", ONE_AT_A_TIME, "run", *place, "--spec", str(spec), *wishes],
        env={**os.environ, "TAO_KEY": SECRET, "MLFLOW_TRACKING_PASSWORD": SECRET},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    seen = []
    while process.poll() is None:
        seen.append(command_lines())
        time.sleep(0.02)
    assert process.stdout is not None
    told = process.stdout.read()
    assert process.returncode == 4, told
    assert "exit code 1" in told
    assert any(seen)
    assert SECRET not in told + "".join(seen)
    files = [path for path in (tmp_path / "results").rglob("*") if path.is_file()]
    assert {path.name for path in files} >= {
        "spec.yaml",
        "study.json",
        "events.jsonl",
        "mlflow.db",
        "train.log",
    }
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []
