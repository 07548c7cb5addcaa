"""What the converter asks of a data set, whatever its folders and conventions are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bevfusion.errors import DataError

__all__ = ["Calibration", "FrameFiles", "Labels", "Layout", "PlacedBoxes", "find_points", "part_of"]


@dataclass(frozen=True)
class FrameFiles:
    """Where one frame lies.

    Attributes:
        name: unique in the data set, names the frame's predictions: ``000042``, or ``<sequence>/<frame>``.
        sample_idx: number of the frame, unique within its split.
        part: ``training`` or ``testing``, the folder it is read from.
        sequence: drive it was taken from, empty if unknown.
        points: point cloud.
        images: by camera, the main one first.
        calibration: its file.
        labels: its file; None for a frame that is not labelled.
    """

    name: str
    sample_idx: int
    part: str
    sequence: str
    points: Path
    images: Mapping[str, Path]
    calibration: Path
    labels: Path | None


@dataclass(frozen=True)
class Calibration:
    """The matrices of one camera, (4, 4) float64 each.

    Attributes:
        cam2img: rectified camera (x right, y down, z forward) to pixels.
        lidar2cam: LiDAR to rectified camera.
    """

    cam2img: NDArray[np.float64]
    lidar2cam: NDArray[np.float64]

    @property
    def lidar2img(self) -> NDArray[np.float64]:
        """LiDAR to pixels."""
        return self.cam2img @ self.lidar2cam


@dataclass(frozen=True)
class Labels:
    """All objects of one label file, one row each, ``n`` rows.

    Attributes:
        names: class names as written.
        truncated: (n,) share of the object outside the image, -1 for DontCare.
        occluded: (n,) 0 visible, 1 partly, 2 largely occluded, 3 unknown, -1 DontCare.
        alpha: (n,) observation angle, radians.
        boxes_2d: (n, 4) x1, y1, x2, y2, pixels.
        boxes: (n, 7 or 9) as the layout labels them, radians; its ``place`` says where they are.
    """

    names: tuple[str, ...]
    truncated: NDArray[np.float64]
    occluded: NDArray[np.int64]
    alpha: NDArray[np.float64]
    boxes_2d: NDArray[np.float64]
    boxes: NDArray[np.float64]


@dataclass(frozen=True)
class PlacedBoxes:
    """The boxes of a frame in both frames, layouts of :mod:`bevfusion.geometry.boxes`.

    Attributes:
        lidar: (n, 7) lidar 7, or (n, 9) lidar 9 where the layout labels three angles.
        camera: (n, 7) camera 7, as KITTI scores them.
    """

    lidar: NDArray[np.float64]
    camera: NDArray[np.float64]


class Layout(Protocol):
    """A folder convention with its label convention; immutable, and small enough to be sent to workers."""

    @property
    def root_dir(self) -> Path:
        """Data root."""

    @property
    def dataset_type(self) -> str:
        """Key of :data:`bevfusion.spec.conventions.CONVENTIONS`."""

    def list_file(self, split: str) -> Path:
        """The file that says what ``train``, ``val`` or ``test`` consists of."""

    def list_sequences(self, split: str) -> tuple[str, ...]:
        """Names of the sequences of a split; none where frames are listed singly.

        Raises:
            DataError: a name that cannot be one, or that is listed twice.
        """

    def list_frames(self, split: str) -> list[FrameFiles]:
        """Find the frames of a split, none when nothing is listed.

        Raises:
            DataError: what is listed cannot be found, or is listed twice.
        """

    def read_calibrations(self, frame: FrameFiles) -> dict[str, Calibration]:
        """Read the calibration of every camera of a frame.

        Raises:
            DataError: everything that is wrong with the file.
        """

    def read_labels(self, path: Path) -> Labels:
        """Read the objects of a frame.

        Raises:
            DataError: everything that is wrong with the file.
        """

    def read_plane(self, frame: FrameFiles) -> tuple[float, ...] | None:
        """Read the ground a, b, c, d of a frame in its camera frame; None where the layout has none.

        Raises:
            DataError: the file is missing or does not hold a plane.
        """

    def place(self, labels: Labels, calibration: Calibration) -> PlacedBoxes:
        """Bring labelled boxes into the frames that the detector learns and is scored in."""


def part_of(root_dir: Path, split: str) -> str:
    """The folder that a split is read from; the test split has one of its own where that is there."""
    return "testing" if split == "test" and (root_dir / "testing").is_dir() else "training"


def find_points(folder: Path, name: str, *, suffixes: Sequence[str]) -> Path:
    """Find the point cloud of a frame, whichever format it has.

    Args:
        folder: where it lies.
        name: of the frame.
        suffixes: formats; the first one is expected where there is no file at all.

    Raises:
        DataError: there is more than one.
    """
    paths = [folder / f"{name}{suffix}" for suffix in suffixes]
    found = [path for path in paths if path.exists()]
    if len(found) > 1:
        names = " and ".join(path.name for path in found)
        raise DataError(f"frame {name} has two point files, {names}", where=str(folder), hint="keep one")
    return found[0] if found else paths[0]
