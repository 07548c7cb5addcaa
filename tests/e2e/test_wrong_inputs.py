"""Wrong inputs end with their exit code and a remedy before anything heavy is imported or left behind."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from scripts import call

Refused = Callable[..., tuple[int, dict[str, str]]]

TINY = ("--model", "bevfusion", "--profile", "tiny")
BOUNDS = "allowed is 1e-06 to 0.1"
CLASSES = "name at least one, e.g. [person]"
NEAR = "did you mean train.optimizer.lr?"
GRID = (
    r"[1440, 1440, 41] contradicts [192, 192, 8], which follows from range [0, -19.2, -3, 38.4, 19.2, 1] "
    "and voxel size [0.2, 0.2, 0.5]"
)


@pytest.fixture
def no_ray(tmp_path: Path) -> dict[str, str]:
    """An environment in which importing Ray or torch is a defect."""
    for name in ("ray", "torch"):
        package = tmp_path / "stubs" / name
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("raise RuntimeError(f'{__name__} was imported')\n")
    return {"PYTHONPATH": str(tmp_path / "stubs")}


@pytest.fixture
def refused(tmp_path: Path, no_ray: dict[str, str]) -> Refused:
    """Exit code and error document of a request that must leave nothing behind."""

    def ask(*flags: str) -> tuple[int, dict[str, str]]:
        answer = call("automl", "run", *TINY, *flags, "--json", cwd=tmp_path, env=no_ray)
        assert not (tmp_path / "results").exists()
        assert list(answer.document) == ["error"]
        return answer.code, answer.document["error"]

    return ask


def test_the_stubs_are_seen_where_ray_would_be(tmp_path: Path, no_ray: dict[str, str], frames: Path) -> None:
    answer = call("automl", "run", *TINY, "--data", str(frames), "--json", cwd=tmp_path, env=no_ray)
    assert (answer.code, answer.document["error"]["message"]) == (1, "RuntimeError: ray was imported")


@pytest.mark.parametrize(
    ("flag", "value", "told"),
    [
        ("--set", "train.optimizer.lrr=0.1", ("spec", "is not a key of the spec", NEAR)),
        ("--set", "train.optimizer.lr=-1", ("spec", "-1.0 is below the minimum 1e-06", BOUNDS)),
        ("--param", "train.optimizer.lrr=1:2", ("space", "is not a parameter of the schema", NEAR)),
        ("--set", "dataset.classes=[]", ("spec", "the list of classes is empty", CLASSES)),
        ("--set", "model.grid_size=[1440,1440,41]", ("spec", GRID, "leave it null")),
    ],
)
def test_wrong_values_end_with_2(
    refused: Refused, frames: Path, flag: str, value: str, told: tuple[str, str, str]
) -> None:
    kind, message, hint = told
    code, error = refused("--data", str(frames), flag, value)
    assert code == 2
    where = f"{flag}:{value.partition('=')[0]}"
    assert error == {"kind": kind, "message": message, "where": where, "hint": hint}


def test_wrong_keys_of_files_are_named_with_their_file(
    tmp_path: Path, refused: Refused, frames: Path
) -> None:
    (tmp_path / "mine.yaml").write_text("train: {optimizer: {lrr: 1}}\n")
    (tmp_path / "wide.yaml").write_text("parameters: {train.optimizer.lrr: {low: 0.1, high: 0.2}}\n")
    code, error = refused("--data", str(frames), "--spec", "mine.yaml")
    assert (code, error["where"], error["hint"]) == (2, "mine.yaml:train.optimizer.lrr", NEAR)
    code, error = refused("--data", str(frames), "--space", "wide.yaml")
    assert (code, error["where"], error["hint"]) == (2, f"{tmp_path}/wide.yaml:train.optimizer.lrr", NEAR)


def test_unconverted_data_come_with_the_command_that_converts_them(
    tmp_path: Path, refused: Refused, frames: Path
) -> None:
    root = tmp_path / "raw"
    shutil.copytree(frames, root, ignore=shutil.ignore_patterns("*.pkl", "velodyne_reduced"))
    command = f"automl run --model bevfusion --action dataset_convert --data {root}"
    code, error = refused("--data", str(root))
    assert (code, error["where"]) == (3, f"{root}/kitti_person_infos_train.pkl")
    assert error["hint"] == f"run dataset_convert first: {command}"
    assert error["message"].count(command) == 1
    assert call(*command.split(), cwd=tmp_path).code == 0
    assert call("automl", "plan", *TINY, "--data", str(root), cwd=tmp_path).code == 0


@pytest.mark.parametrize("part", ["train", "val", "test"])
def test_an_image_that_is_missing_is_named_with_its_info_file(
    tmp_path: Path, refused: Refused, frames: Path, part: str
) -> None:
    root = tmp_path / "data"
    shutil.copytree(frames, root)
    frame = (root / "ImageSets" / f"{part}.txt").read_text().split()[0]
    path = root / "training" / "image_2" / f"{frame}.png"
    path.unlink()
    code, error = refused("--data", str(root))
    assert (code, error["kind"], error["message"]) == (3, "data", "the image is missing")
    assert error["where"] == str(path)
    assert error["hint"].startswith(
        f"{root}/kitti_person_infos_{part}.pkl refers to it: restore it, or remove "
    )


def test_results_that_cannot_be_written_are_told(tmp_path: Path, refused: Refused, frames: Path) -> None:
    (tmp_path / "taken").touch()
    code, error = refused("--data", str(frames), "--results-dir", "taken/results")
    assert (code, error["kind"], error["where"]) == (3, "environment", f"{tmp_path}/taken/results")
    assert error["hint"] == "choose another place with --results-dir"


def test_people_are_told_on_stderr_alone(tmp_path: Path, no_ray: dict[str, str], frames: Path) -> None:
    answer = call("automl", "run", *TINY, "--data", "nowhere", cwd=tmp_path, env=no_ray)
    assert (answer.code, answer.out) == (3, "")
    assert answer.err == (
        f"error: {tmp_path}/nowhere: is not a folder\n  -> --data takes the root of the data set\n"
    )
