"""The folders and text files that scenes are written to: the same scenes in every convention we read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bevfusion.demo.calibration import HEIGHT_PX, WIDTH_PX, Calibration
from bevfusion.demo.labels import Label
from bevfusion.demo.sequences import SPLIT_SHARES
from bevfusion.demo.sequences import Sequence as Street
from bevfusion.geometry.boxes import camera7_to_lidar7, move_boxes
from bevfusion.geometry.frames import (
    euler_from_rotation,
    invert_rigid,
    rotation_from_euler,
    to_homogeneous,
)

__all__ = ["LAYOUTS", "KittiFiles", "Layout", "Recording", "Tao3dFiles"]

Doubles = NDArray[np.float64]
# From the axes of a computer vision camera to those of a renderer's (y up, looking along -z), and back.
_FLIP = np.diag([1.0, -1.0, -1.0, 1.0])


@dataclass(frozen=True)
class Recording:
    """What the sensors brought back of one frame.

    Attributes:
        points: (P, 4) float32, x, y, z in metres (LiDAR frame) and intensity.
        pixels: (H, W, 3) uint8, RGB.
        calibration: the sensor rig.
        labels: KITTI labels.
    """

    points: NDArray[np.float32]
    pixels: NDArray[np.uint8]
    calibration: Calibration
    labels: Sequence[Label]


class Layout(Protocol):
    """A folder convention with its label convention."""

    def write_frame(self, root: Path, street: Street, index: int, recording: Recording) -> None:
        """Write the files of frame ``index`` of a street."""

    def write_lists(self, root: Path, streets: Sequence[Street]) -> None:
        """Write which frames belong to which split."""


@dataclass(frozen=True)
class KittiFiles:
    """KITTI's: ``training/{velodyne,image_2,calib,label_2}``, frames listed one by one."""

    def write_frame(self, root: Path, street: Street, index: int, recording: Recording) -> None:
        """Write the files of frame ``index`` of a street."""
        name, part = f"{street.first_frame + index:06d}", root / "training"
        _place(part / "velodyne" / f"{name}.bin").write_bytes(recording.points.tobytes())
        Image.fromarray(recording.pixels).save(_place(part / "image_2" / f"{name}.png"), compress_level=1)
        _place(part / "calib" / f"{name}.txt").write_text(recording.calibration.as_text())
        _write_lines(part / "label_2" / f"{name}.txt", (label.as_text() for label in recording.labels))

    def write_lists(self, root: Path, streets: Sequence[Street]) -> None:
        """Write ``ImageSets``: the splits, and the sequence of each frame."""
        names = {
            street.number: [f"{street.first_frame + index:06d}" for index in range(street.frames)]
            for street in streets
        }
        lists = {
            split: [name for street in streets if street.split == split for name in names[street.number]]
            for split in SPLIT_SHARES
        }
        lists["trainval"] = sorted(lists["train"] + lists["val"])
        lists["sequences"] = [f"{name} {number:04d}" for number, of_it in names.items() for name in of_it]
        for name, lines in lists.items():
            _write_lines(root / "ImageSets" / f"{name}.txt", lines)


@dataclass(frozen=True)
class Tao3dFiles:
    """TAO's: ``training/{lidar,images,calib,labels}/<sequence>``, sequences listed one by one.

    The numbers are those of KITTI's labels, digits and all, so that both describe the same boxes; see
    :mod:`bevfusion.data.tao3d` for the two conventions.

    Attributes:
        is_synthetic: which of the two is written.
    """

    is_synthetic: bool

    def write_frame(self, root: Path, street: Street, index: int, recording: Recording) -> None:
        """Write the files of frame ``index`` of a street."""
        part, name = root / "training", f"{_folder_of(street)}/{index:06d}"
        np.save(_place(part / "lidar" / f"{name}.npy"), recording.points)
        Image.fromarray(recording.pixels).save(_place(part / "images" / f"{name}.png"), compress_level=1)
        _write_lines(part / "calib" / f"{name}.txt", self._calibration_lines(recording.calibration))
        rows = (self._label_row(label, recording.calibration) for label in recording.labels)
        _write_lines(part / "labels" / f"{name}.txt", rows)

    def write_lists(self, root: Path, streets: Sequence[Street]) -> None:
        """Write ``ImageSets``: the sequences of each split."""
        for split in SPLIT_SHARES:
            names = [_folder_of(street) for street in streets if street.split == split]
            _write_lines(root / "ImageSets" / f"{split}.txt", names)

    def _calibration_lines(self, calibration: Calibration) -> list[str]:
        camera = calibration.projections[2]
        intrinsics = _row("intrinsics:", [camera[0, 0], camera[1, 1], camera[0, 2], camera[1, 2]])
        lidar2cam = _lidar2cam(calibration)
        if not self.is_synthetic:
            return [_row("lidar2cam:", lidar2cam.ravel()), intrinsics]
        size = [f"image_width: {WIDTH_PX}", f"image_height: {HEIGHT_PX}", "metres_per_unit: 1"]
        return [_row("lidar2cam:", (_FLIP @ lidar2cam).T.ravel()), *size, intrinsics]

    def _label_row(self, label: Label, calibration: Calibration) -> str:
        words = label.as_text().split()
        name = "person" if label.name == "Pedestrian" else label.name
        left, top, right, bottom = words[4:8]
        edges = (right, left, bottom, top) if self.is_synthetic else (left, top, right, bottom)
        head = " ".join((name, *words[1:4], *edges))
        if label.name == "DontCare":
            return f"{head} -1 -1 -1 -1000 -1000 -1000 0 0 0 1"
        box = _lidar_box(np.array(words[8:], dtype=np.float64), calibration)
        numbers = self._synthetic(box, calibration) if self.is_synthetic else _recorded(box)
        return f"{_row(head, numbers)} 1"

    def _synthetic(self, box: Doubles, calibration: Calibration) -> Doubles:
        """Length, width, height, middle of the bottom, angles in degrees; renderer's camera."""
        (seen,) = move_boxes(box[None], _lidar2cam(calibration))
        angles = euler_from_rotation(_FLIP[:3, :3] @ rotation_from_euler(seen[6:9]))
        return np.concatenate([seen[3:6], _FLIP[:3, :3] @ seen[:3], np.degrees(angles)])


def _recorded(box: Doubles) -> Doubles:
    """Height, width, length, middle, angles in radians; LiDAR."""
    middle = box[:3] + np.array([0, 0, box[5] / 2])
    return np.concatenate([box[[5, 4, 3]], middle, box[6:9]])


def _lidar_box(numbers: Doubles, calibration: Calibration) -> Doubles:
    """Lidar 9 of :mod:`bevfusion.geometry.boxes` from h, w, l, x, y, z, ry of a KITTI label."""
    camera7 = numbers[[3, 4, 5, 2, 0, 1, 6]][None]
    (box,) = camera7_to_lidar7(camera7, invert_rigid(to_homogeneous(calibration.lidar_to_rectified)))
    return np.insert(box, 6, [0.0, 0.0])


def _lidar2cam(calibration: Calibration) -> Doubles:
    """LiDAR to the colour camera itself (4, 4); KITTI's rectified frame starts at another one."""
    camera = calibration.projections[2]
    matrix = to_homogeneous(calibration.lidar_to_rectified)
    matrix[:3, 3] += np.linalg.solve(camera[:, :3], camera[:, 3])
    return matrix


def _folder_of(street: Street) -> str:
    return f"street_{street.number:04d}"


def _row(head: str, numbers: Iterable[float]) -> str:
    return " ".join((head, *(f"{number:.12g}" for number in numbers)))


def _place(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _write_lines(path: Path, lines: Iterable[str]) -> None:
    _place(path).write_text("".join(f"{line}\n" for line in lines))


LAYOUTS: Mapping[str, Layout] = {
    "kitti": KittiFiles(),
    "tao3d": Tao3dFiles(is_synthetic=False),
    "tao3d_synthetic": Tao3dFiles(is_synthetic=True),
}
"""By the name that ``bevfusion demo_data --layout`` takes."""
