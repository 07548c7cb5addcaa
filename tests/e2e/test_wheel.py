"""The built wheel, installed in an environment of its own and used from an empty folder."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
SKILL_FOLDERS = ("schemas", "references", "search_spaces")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    words = ["pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(CHECKOUT)]
    if find_spec("hatchling"):
        words.append("--no-build-isolation")
    subprocess.run([sys.executable, "-m", *words], check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``bin`` of an environment with the wheel; the checkout is out of its sight."""
    root = tmp_path_factory.mktemp("env")
    venv.create(root, with_pip=False, symlinks=True)
    python = root / "bin" / "python"
    words = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-deps", str(wheel)]
    subprocess.run(words, check=True, capture_output=True)
    (packages,) = root.glob("lib/python*/site-packages")
    (packages / "packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.parent


def call(installed: Path, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run one of its scripts in a folder, without help from this environment's variables."""
    env = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    program = installed / words[0]
    return subprocess.run(
        [program, *words[1:]], cwd=cwd, env=env, capture_output=True, text=True, timeout=280
    )


def files_under(root: Path) -> dict[str, bytes]:
    paths = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): path.read_bytes() for path in paths}


def test_wheel_holds_the_skill_and_the_license(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        for folder in SKILL_FOLDERS:
            for name, content in files_under(CHECKOUT / folder).items():
                assert archive.read(f"bevfusion/skill/{folder}/{name}") == content
    assert "automl_3d-0.1.0.dist-info/licenses/LICENSE" in names
    assert {"automl/py.typed", "bevfusion/py.typed"} <= names
    assert {name.split("/")[0] for name in names} == {"automl", "bevfusion", "automl_3d-0.1.0.dist-info"}


def test_plan_is_made_far_from_the_checkout(installed: Path, frames: Path, tmp_path: Path) -> None:
    where = call(
        installed, "python", "-c", "import automl, bevfusion; print(automl.__file__, bevfusion.__file__)",
        cwd=tmp_path,
    )  # fmt: skip
    assert [str(installed.parent) in path for path in where.stdout.split()] == [True, True]
    done = call(
        installed, "automl", "plan", "--model", "bevfusion", "--data", str(frames), "--json", cwd=tmp_path
    )
    plan = json.loads(done.stdout)
    assert (done.returncode, plan["model"], plan["policy"]["runnable"]) == (0, "bevfusion", True)
    assert "train.optimizer.lr" in [parameter["name"] for parameter in plan["space"]["parameters"]]
    assert str(CHECKOUT) not in done.stdout
    fresh = call(installed, "bevfusion", "schema", "--check", cwd=tmp_path)
    assert fresh.returncode == 0, fresh.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.torch
@pytest.mark.timeout(600)
def test_study_runs_far_from_the_checkout(installed: Path, frames: Path, tmp_path: Path) -> None:
    (skill,) = installed.parent.glob("lib/python*/site-packages/bevfusion/skill")
    before = files_under(skill)
    done = call(
        installed, "automl", "run", "--model", "bevfusion", "--profile", "tiny", "--data", str(frames),
        "--trials", "2", "--max-epochs", "1", "--max-concurrent", "1", "--json", cwd=tmp_path,
    )  # fmt: skip
    study = json.loads(done.stdout)
    assert [trial["state"] for trial in study["trials"]] == ["succeeded", "succeeded"], done.stderr
    assert Path(study["best"]["checkpoint"]).is_file()
    for trial in study["trials"]:
        text = (Path(study["results_dir"]) / "trials" / trial["id"] / "spec.yaml").read_text()
        assert yaml.safe_load(text)["train"]["num_epochs"] == 1
    assert files_under(skill) == before
    assert [path.name for path in tmp_path.iterdir()] == ["results"]
