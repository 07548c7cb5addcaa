import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from bevfusion.data.inspection import SplitReport, inspect_split, report_table
from tests.bevfusion.data.conftest import convert

Rewrite = Callable[[str, str], Path]


@pytest.fixture
def train_infos(kitti_root: Path) -> Path:
    return convert(kitti_root)["train"]


def change_first_frame(path: Path, change: Callable[[dict[str, Any]], None]) -> SplitReport:
    content = pickle.loads(path.read_bytes())  # noqa: S301  written by the test itself
    change(content["data_list"][0])
    path.write_bytes(pickle.dumps(content))
    return inspect_split(path, path.parent)


def test_sound_split_is_counted_without_complaint(train_infos: Path) -> None:
    report = inspect_split(train_infos, train_infos.parent)
    assert (report.split, report.frames, report.empty_frames) == ("train", 2, 1)
    assert report.class_counts == {"Pedestrian": 1, "Car": 2, "DontCare": 1}
    assert report.box_points.tolist() == [12]
    np.testing.assert_allclose(report.box_ious, [[1.0, 1.0]], atol=2e-3)
    assert (report.faults, report.warnings) == ((), ())


def test_table_shows_a_row_a_split_and_the_labels(train_infos: Path) -> None:
    console = Console(width=110, record=True, file=None, quiet=False)
    with console.capture() as shown:
        console.print(report_table([inspect_split(train_infos, train_infos.parent)]))
    row = next(line for line in shown.get().splitlines() if line.startswith("│ train"))
    assert [cell.strip() for cell in row.split("│")[1:-1]] == ["train", "2", "1", "1", "12", "1.00", "1.00"]
    assert "train: Car 2, Pedestrian 1, DontCare 1" in shown.get()


def test_missing_files_are_named(train_infos: Path) -> None:
    part = train_infos.parent / "training"
    (part / "image_2/000000.png").unlink()
    (part / "velodyne_reduced/000001.bin").unlink()
    faults = inspect_split(train_infos, train_infos.parent).faults
    assert [fault.where for fault in faults] == [
        str(part / "image_2/000000.png"),
        str(part / "velodyne_reduced/000001.bin"),
    ]
    assert faults[0].message == "the image is missing"


def test_mirrored_calibration_is_no_rotation(train_infos: Path) -> None:
    def mirror(entry: dict[str, Any]) -> None:
        entry["images"]["CAM2"]["lidar2cam"][0][1] = 1.0

    (fault, *_) = change_first_frame(train_infos, mirror).faults
    assert fault.message == "lidar2cam of CAM2 is not a rotation"
    assert fault.where == f"{train_infos}:frame 0"


def test_points_of_another_calibration_do_not_project(train_infos: Path) -> None:
    def turn(entry: dict[str, Any]) -> None:
        entry["images"]["CAM2"]["lidar2img"][0][3] = 2000.0

    faults = change_first_frame(train_infos, turn).faults
    assert any(
        "of the reduced points project into the image, 99% should" in fault.message for fault in faults
    )


def test_points_that_changed_since_conversion_are_noticed(train_infos: Path) -> None:
    path = train_infos.parent / "training/velodyne_reduced/000000.bin"
    path.write_bytes(path.read_bytes()[:-16])
    (fault,) = inspect_split(train_infos, train_infos.parent).faults
    assert fault.message == "boxes hold [11] points, the info file says [12]"


def test_wrong_order_of_sizes_is_noticed(train_infos: Path) -> None:
    def reorder(entry: dict[str, Any]) -> None:
        x, y, z, length, width, height, yaw = entry["instances"][0]["bbox_3d"]
        entry["instances"][0]["bbox_3d"] = [x, y, z, width, height, length, yaw]

    report = change_first_frame(train_infos, reorder)
    assert report.faults[-1].message.startswith("3D boxes do not project into their 2D boxes: median overlap")
    assert report.warnings == ("train: 1 of 1 3D boxes do not project into their 2D box",)


def test_hollow_boxes_missing_persons_and_missing_labels_are_warned_of(
    kitti_root: Path, rewrite: Rewrite
) -> None:
    hollow = "Pedestrian 0.00 0 -0.10 53.47 31.54 59.62 43.86 1.80 0.50 0.90 -3.50 2.00 14.85 0.00"
    rewrite("training/label_2/000002.txt", hollow)
    rewrite("training/label_2/000000.txt", "")
    (kitti_root / "training/label_2/000003.txt").unlink()
    written = convert(kitti_root)
    warnings = {split: inspect_split(path, kitti_root).warnings for split, path in written.items()}
    assert warnings["train"] == ("train: no frame shows a person",)
    assert "val: 1 of 1 3D boxes hold no LiDAR point" in warnings["val"]
    assert warnings["test"] == ("test: no labels; it can be inferred on, not scored",)
