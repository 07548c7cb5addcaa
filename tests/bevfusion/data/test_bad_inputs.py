"""Bad input is refused with its file, what was found and a remedy, and leaves nothing half-written behind."""

import json
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bevfusion.actions.dataset_convert import run
from bevfusion.data.checks import check_inputs
from bevfusion.data.infos import write_infos
from bevfusion.data.objects import objects_path
from bevfusion.errors import DataError
from bevfusion.spec import ConvertSpec, ExperimentSpec
from bevfusion.spec.dataset import AugmentationSpec, ObjectSamplingSpec
from tests.bevfusion.data.conftest import CAR, convert

Break = Callable[[Path], None]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def spoil(path: Path) -> None:
    points = np.fromfile(path, dtype="<f4")
    points[[0, 9]] = np.nan
    points.tofile(path)


def scratch(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def edit(old: str, new: str) -> Break:
    return lambda path: path.write_text(path.read_text().replace(old, new))


CLOUD, IMAGE = "training/velodyne/000001.bin", "training/image_2/000001.png"
CALIBRATION, LABEL = "training/calib/000001.txt", "training/label_2/000001.txt"
BAD = {
    "truncated cloud": (CLOUD, cut, "", "1867 bytes is not a multiple of 16: the file is truncated"),
    "NaN points": (CLOUD, spoil, "", "2 of 117 points are NaN or infinite"),
    "empty cloud": (CLOUD, empty, "", "the file holds no points"),
    "corrupt image": (IMAGE, scratch, "", "the image is damaged ("),
    "cut image": (IMAGE, cut, "", "the image is damaged ("),
    "short calibration row": (
        CALIBRATION,
        edit("R0_rect: 1 0 0 0 1", "R0_rect: 1 0 0 1"),
        ":R0_rect",
        "row R0_rect needs 9 numbers, found '1 0 0 1 0 0 0 1'",
    ),
    "mirrored calibration": (
        CALIBRATION,
        edit("R0_rect: 1", "R0_rect: -1"),
        "",
        "from the LiDAR to the camera is no rotation",
    ),
    "label with 14 fields": (
        LABEL,
        edit(CAR, CAR.rsplit(" ", 1)[0]),
        ":1",
        "14 fields, a KITTI label has 15",
    ),
    "unknown class": (LABEL, edit("Car", "Bus"), ":1", "unknown class 'Bus'"),
    "duplicate frame": (
        "ImageSets/train.txt",
        edit("000001", "000000"),
        ":2",
        "frame 000000 is already in line 1",
    ),
}


@pytest.mark.parametrize(("name", "break_it", "place", "message"), BAD.values(), ids=BAD)
def test_bad_frame_ends_the_conversion_without_a_trace(
    kitti_root: Path, tmp_path: Path, name: str, break_it: Break, place: str, message: str
) -> None:
    break_it(kitti_root / name)
    job = tmp_path / "job"
    with pytest.raises(DataError) as caught:
        run(ConvertSpec(root_dir=str(kitti_root), results_dir=str(job)))
    fault = caught.value.faults[0]
    assert message in fault.message
    assert fault.hint
    where = (
        f"{job / 'kitti_person_infos_train.pkl'}:frame 1" if place is None else f"{kitti_root / name}{place}"
    )
    assert fault.where == where
    assert [path.name for path in job.iterdir()] == ["status.json"]
    told = json.loads((job / "status.json").read_text().splitlines()[-1])
    assert (told["status"], message in told["message"]) == ("FAILURE", True)


def foreign(path: Path) -> None:
    path.write_bytes(pickle.dumps({"metainfo": {"dataset": "kitti"}, "data_list": []}))


def outdated(path: Path) -> None:
    content = pickle.loads(path.read_bytes())  # noqa: S301  written by the fixture
    content["metainfo"]["version"] = 1 if "infos_val" in path.name else 7
    path.write_bytes(pickle.dumps(content))


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (foreign, "not an info file of bevfusion"),
        (
            lambda path: path.write_bytes(pickle.dumps(Path())),
            "not a plain pickle of bevfusion (it names pathlib",
        ),
        (outdated, "info file of version 1, this program reads version 2"),
    ],
)
def test_bad_info_file_is_refused_before_the_training(
    kitti_root: Path, break_it: Break, message: str
) -> None:
    written = convert(kitti_root)
    break_it(written["val"])
    (fault,) = check_inputs(training_on(kitti_root, written), "train")
    assert fault.where == str(written["val"])
    assert fault.message.startswith(message)
    assert fault.hint == remedy(written["val"])


def remedy(info_path: Path) -> str:
    """A data root is searched before the jobs that converted it: what is bad there has to go."""
    command = f"automl run --model bevfusion --action dataset_convert --data {info_path.parent}"
    return f"remove {info_path}, which would be found first, and run dataset_convert: {command}"


def training_on(root: Path, written: dict[str, Path], **sampling: Any) -> ExperimentSpec:
    spec = ExperimentSpec()
    augmentation = AugmentationSpec(object_sampling=ObjectSamplingSpec(**sampling))
    parts = {
        f"{split}_dataset": replace(
            getattr(spec.dataset, f"{split}_dataset"), ann_file=str(path), batch_size=1
        )
        for split, path in written.items()
    }
    dataset = replace(spec.dataset, root_dir=str(root), augmentation=augmentation, **parts)
    return replace(spec, dataset=dataset)


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (Path.unlink, "the object database is missing"),
        (foreign, "not an object database of bevfusion"),
        (
            lambda path: path.write_bytes(pickle.dumps(Path())),
            "not a plain pickle of bevfusion (it names pathlib",
        ),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "not a plain pickle of bevfusion (pickle"),
        (outdated, "object database of version 7, this program reads version 1"),
        (
            lambda path: write_infos(path.with_name("kitti_person_infos_train.pkl"), [], split="train"),
            "made for another kitti_person_infos_train.pkl than the one beside it",
        ),
    ],
)
def test_bad_object_database_is_refused_before_a_training_that_needs_it(
    kitti_root: Path, break_it: Break, message: str
) -> None:
    written = convert(kitti_root)
    path = objects_path(written["train"])
    break_it(path)
    needed = training_on(kitti_root, written, probability=0.5, max_difficulty="any")
    fault = check_inputs(needed, "train")[-1]
    assert (fault.where, fault.message[: len(message)]) == (str(path), message)
    assert fault.hint == remedy(written["train"])
    unneeded = check_inputs(training_on(kitti_root, written), "train")
    assert all("object" not in other.message for other in unneeded)


def test_objects_of_which_none_may_be_pasted_are_told(kitti_root: Path) -> None:
    written = convert(kitti_root)
    spec = training_on(kitti_root, written, probability=0.5, min_points=40)
    (fault,) = check_inputs(spec, "train")
    assert fault.message == "none of 1 objects has 40 points and a difficulty up to moderate"
    assert fault.where == str(objects_path(written["train"]))
