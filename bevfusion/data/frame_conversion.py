"""One frame of a data set: read it, reduce its points, describe it, and look at the result."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bevfusion.data.infos import parse_frame
from bevfusion.data.inspection import FrameView, Places, inspect_frame
from bevfusion.data.layout import Calibration, FrameFiles, Labels, Layout, PlacedBoxes
from bevfusion.data.loading import load_points, read_image_size
from bevfusion.errors import DataError, Fault
from bevfusion.geometry.boxes import points_in_boxes
from bevfusion.geometry.frames import is_rotation, visible_mask
from bevfusion.spec.conventions import CONVENTIONS, Convention

__all__ = ["ConversionTarget", "ConvertedFrame", "attempt", "convert_frame"]

_PERSON_NAMES = ("pedestrian", "person")  # KITTI's name of the class, and TAO's
_Part = TypeVar("_Part")


@dataclass(frozen=True)
class ConversionTarget:
    """Where the frames of a layout are written."""

    layout: Layout
    output_dir: Path

    @property
    def convention(self) -> Convention:
        """What the type of the data set prescribes."""
        return CONVENTIONS[self.layout.dataset_type]

    @property
    def points_dir(self) -> Path:
        """Folder that the point files of info files start from."""
        return self.output_dir / self.convention.pts

    @property
    def images_dir(self) -> Path:
        """Folder that the images of info files start from."""
        return self.layout.root_dir / self.convention.img


@dataclass(frozen=True)
class ConvertedFrame:
    """What became of one frame.

    Attributes:
        entry: its entry of an info file, empty where there are faults.
        view: what the detector will see of it.
        faults: what is wrong with its files.
    """

    entry: dict[str, Any] = field(default_factory=dict)
    view: FrameView | None = None
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class _Sources:
    calibrations: Mapping[str, Calibration]
    sizes_px: Mapping[str, tuple[int, int]]
    points: NDArray[np.float32]
    labels: Labels | None
    plane: tuple[float, ...] | None

    @property
    def main(self) -> str:
        return next(iter(self.calibrations))


def convert_frame(task: tuple[Path, FrameFiles], target: ConversionTarget) -> ConvertedFrame:
    """Write the reduced points of a frame and read them back, as the detector will read them.

    Args:
        task: info file that the frame will be listed in, and the frame.
        target: where to write.
    """
    info_path, frame = task
    try:
        entry = _make_entry(frame, _read_sources(frame, target.layout), target)
    except DataError as error:
        return ConvertedFrame(faults=error.faults)
    places = Places(info_path, target.points_dir, target.images_dir)
    return ConvertedFrame(entry, inspect_frame(parse_frame(entry, 6 + target.convention.angles), places))


def attempt(faults: list[Fault], read: Callable[[], _Part]) -> _Part | None:
    """Read something; what is wrong with it is added to the faults, and nothing comes back."""
    try:
        return read()
    except DataError as error:
        faults += error.faults
        return None


def _read_sources(frame: FrameFiles, layout: Layout) -> _Sources:
    """Read all files of a frame, and tell all that is wrong with any of them."""
    faults: list[Fault] = []
    calibrations = attempt(faults, lambda: layout.read_calibrations(frame))
    sizes = {
        camera: attempt(faults, partial(read_image_size, path)) or (0, 0)
        for camera, path in frame.images.items()
    }
    points = attempt(faults, lambda: load_points(frame.points))
    labels = attempt(faults, partial(layout.read_labels, frame.labels)) if frame.labels else None
    plane = attempt(faults, lambda: layout.read_plane(frame))
    if calibrations is None or points is None or faults:
        raise DataError(faults)
    return _Sources(calibrations, sizes, points, labels, plane)


def _make_entry(frame: FrameFiles, sources: _Sources, target: ConversionTarget) -> dict[str, Any]:
    """Write the reduced points of a frame and make its entry of ``data_list``."""
    main, (height, width) = sources.calibrations[sources.main], sources.sizes_px[sources.main]
    if not is_rotation(main.lidar2cam):
        where, hint = str(frame.calibration), "it is damaged or mirrored; take the frame's original file"
        raise DataError("from the LiDAR to the camera is no rotation", where=where, hint=hint)
    seen = visible_mask(sources.points[:, :3], main.lidar2img, height_px=height, width_px=width)
    if not seen.any():
        where, hint = str(frame.calibration), "calibration, image and point file do not belong together"
        raise DataError("no LiDAR point projects into the image", where=where, hint=hint)
    points = sources.points[seen]
    placed = target.layout.place(sources.labels, main) if sources.labels else None
    reduced = target.output_dir / frame.part / target.points_dir.name / f"{frame.name}.bin"
    reduced.parent.mkdir(parents=True, exist_ok=True)
    reduced.write_bytes(points.astype("<f4").tobytes())
    return {
        "name": frame.name,
        "sample_idx": frame.sample_idx,
        "sequence": frame.sequence,
        "lidar_points": {
            "lidar_path": os.path.relpath(reduced, target.points_dir),
            "num_pts_feats": points.shape[1],
        },
        "images": {
            camera: _camera_entry(frame, camera, sources, target.images_dir) for camera in frame.images
        },
        "instances": _instances(frame, sources.labels, placed, points),
        "annotations": _annotations(sources.labels, placed),
        "plane": sources.plane,
    }


def _camera_entry(frame: FrameFiles, camera: str, sources: _Sources, images_dir: Path) -> dict[str, Any]:
    calibration, (height, width) = sources.calibrations[camera], sources.sizes_px[camera]
    return {
        "img_path": os.path.relpath(frame.images[camera], images_dir),
        "height": height,
        "width": width,
        "cam2img": calibration.cam2img.tolist(),
        "lidar2cam": calibration.lidar2cam.tolist(),
        "lidar2img": calibration.lidar2img.tolist(),
    }


def _instances(
    frame: FrameFiles, labels: Labels | None, placed: PlacedBoxes | None, points: NDArray[np.float32]
) -> list[dict[str, Any]]:
    if labels is None or placed is None:
        return []
    rows = [row for row, name in enumerate(labels.names) if name.lower() in _PERSON_NAMES]
    if (labels.boxes[rows, 3:6] <= 0).any():
        where, hint = str(frame.labels), "mend the label; use DontCare for what has no box"
        raise DataError("a person's dimensions are not positive", where=where, hint=hint)
    counts = points_in_boxes(points, placed.lidar[rows]).sum(axis=0)
    return [
        {
            "bbox_label_3d": 0,
            "bbox_3d": placed.lidar[row].tolist(),
            "bbox": labels.boxes_2d[row].tolist(),
            "truncated": float(labels.truncated[row]),
            "occluded": int(labels.occluded[row]),
            "alpha": float(labels.alpha[row]),
            "num_lidar_pts": int(count),
        }
        for row, count in zip(rows, counts, strict=True)
    ]


def _annotations(labels: Labels | None, placed: PlacedBoxes | None) -> dict[str, list[Any]] | None:
    if labels is None or placed is None:
        return None
    return {
        "name": list(labels.names),
        "truncated": labels.truncated.tolist(),
        "occluded": labels.occluded.tolist(),
        "alpha": labels.alpha.tolist(),
        "bbox": labels.boxes_2d.tolist(),
        "dimensions": placed.camera[:, 3:6].tolist(),
        "location": placed.camera[:, :3].tolist(),
        "rotation_y": placed.camera[:, 6].tolist(),
    }
