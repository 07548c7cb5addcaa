"""Looks at converted data the way the model will, before a night is spent on it.

A wrong calibration, a mirrored axis or a swapped dimension raises no error in training, it only costs AP. It
shows here: labelled 3D boxes must project into their labelled 2D boxes and hold LiDAR points.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Group
from rich.table import Table

from bevfusion.data.infos import Camera, Frame, locate, read_infos
from bevfusion.data.loading import load_points
from bevfusion.data.parallel import map_frames
from bevfusion.errors import DataError, Fault
from bevfusion.geometry.boxes import lidar_corners, points_in_boxes, project_boxes
from bevfusion.geometry.frames import FloatArray, is_rotation, visible_mask

__all__ = [
    "FrameView",
    "Places",
    "SplitReport",
    "inspect_frame",
    "inspect_split",
    "report_table",
    "report_views",
]

_MIN_VISIBLE_SHARE = 0.99
# People label 2D boxes around what they see, and 3D boxes around reach of arms and legs: real pedestrians
# overlap by 0.46 to 0.97, but agree in height to the pixel.
_MIN_BOX_IOU = 0.3
_MIN_HEIGHT_IOU = 0.8


@dataclass(frozen=True)
class SplitReport:
    """What was seen in one split.

    Attributes:
        split: its name.
        frames: how many.
        empty_frames: frames without an object of the split's classes (negatives).
        box_ious: (n, 2) overlap of each projected 3D box with its labelled 2D box: area, and height alone.
        box_points: (n,) LiDAR points in each 3D box.
        class_counts: label name to count, as in the label files.
        faults: what makes the data unusable.
        warnings: what a user should look at.
    """

    split: str
    frames: int
    empty_frames: int
    box_ious: NDArray[np.float64]
    box_points: NDArray[np.int64]
    class_counts: Counter[str]
    faults: tuple[Fault, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Places:
    """Where the files of a split lie: its info file, and the folders that its paths start from."""

    info_path: Path
    points_dir: Path
    images_dir: Path


@dataclass(frozen=True)
class FrameView:
    """What was seen in one frame; attributes as of :class:`SplitReport`.

    Attributes:
        class_names: names of all labels; None where the frame is not labelled.
    """

    class_names: tuple[str, ...] | None
    box_ious: NDArray[np.float64]
    box_points: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    faults: tuple[Fault, ...] = ()


def inspect_split(
    info_path: Path,
    root_dir: Path,
    *,
    pts_prefix: str = "training/velodyne_reduced",
    img_prefix: str = "training/image_2",
    workers: int | None = None,
) -> SplitReport:
    """Check every frame of an info file against its sensor files.

    Args:
        info_path: info file.
        root_dir: data root.
        pts_prefix: points folder.
        img_prefix: images folder under the root, or absolute.
        workers: processes; None takes all cores.

    Raises:
        DataError: the info file cannot be read. What is wrong with frames is in the report instead.
    """
    infos = read_infos(info_path)
    places = Places(info_path, infos.points_dir(root_dir, pts_prefix), root_dir / img_prefix)
    look = partial(inspect_frame, places=places)
    views = map_frames(look, infos.frames, description=f"checking {infos.split}", workers=workers)
    return report_views(infos.split, views, info_path)


def inspect_frame(frame: Frame, places: Places) -> FrameView:
    """Check one frame against its sensor files."""
    where = f"{places.info_path}:frame {frame.sample_idx}"
    faults = [*_camera_faults(frame, places, where)]
    camera = next(iter(frame.cameras.values()))
    names = None if frame.annotations is None else tuple(frame.annotations["name"])
    ious = _overlaps(frame, camera)
    try:
        points = load_points(locate(places.points_dir, frame.lidar_path), num_features=frame.num_features)
    except DataError as error:
        return FrameView(names, ious, faults=(*faults, *error.faults))
    seen = visible_mask(points[:, :3], camera.lidar2img, height_px=camera.height, width_px=camera.width)
    if seen.mean() < _MIN_VISIBLE_SHARE:
        message = (
            f"{seen.mean():.0%} of the reduced points project into the image, {_MIN_VISIBLE_SHARE:.0%} should"
        )
        faults.append(Fault(message, where, "points and calibration differ: convert again"))
    counts = points_in_boxes(points, frame.boxes_lidar).sum(axis=0)
    if (counts != frame.num_lidar_pts).any():
        message = f"boxes hold {counts.tolist()} points, the info file says {frame.num_lidar_pts.tolist()}"
        faults.append(Fault(message, where, "points and info file differ: convert again"))
    return FrameView(names, ious, counts, tuple(faults))


def report_views(split: str, views: Sequence[FrameView], info_path: Path) -> SplitReport:
    """Sum up what was seen in the frames of a split."""
    ious = np.concatenate([np.zeros((0, 2)), *(view.box_ious for view in views)])
    points = np.concatenate([np.zeros(0, dtype=np.int64), *(view.box_points for view in views)])
    is_labelled = any(view.class_names is not None for view in views)
    return SplitReport(
        split=split,
        frames=len(views),
        empty_frames=sum(len(view.box_ious) == 0 for view in views),
        box_ious=ious,
        box_points=points,
        class_counts=Counter(name for view in views for name in view.class_names or ()),
        faults=(*(fault for view in views for fault in view.faults), *_split_faults(info_path, ious)),
        warnings=_split_warnings(split, ious, points, is_labelled=is_labelled),
    )


def report_table(reports: Sequence[SplitReport]) -> Group:
    """Lay reports out for a terminal: a row a split, then the labels of each."""
    table = Table(
        "split", "frames", "without person", "persons", "points each", "2D overlap", "height overlap"
    )
    for report in reports:
        cells = ["-"] * 3
        if len(report.box_ious):
            area, height = np.median(report.box_ious, axis=0)
            cells = [f"{np.median(report.box_points):.0f}", f"{area:.2f}", f"{height:.2f}"]
        counts = (report.frames, report.empty_frames, len(report.box_ious))
        table.add_row(report.split, *map(str, counts), *cells)
    return Group(table, *(f"{report.split}: {_histogram(report.class_counts)}" for report in reports))


def _histogram(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common()) or "no labels"


def _camera_faults(frame: Frame, places: Places, where: str) -> Iterator[Fault]:
    for name, camera in frame.cameras.items():
        image = locate(places.images_dir, camera.img_path)
        if not image.is_file():
            hint = f"restore it; {places.info_path} refers to it"
            yield Fault("the image is missing", str(image), hint)
        if not is_rotation(camera.lidar2cam):
            hint = "mend R0_rect or Tr_velo_to_cam in the frame's calib file and convert again"
            yield Fault(f"lidar2cam of {name} is not a rotation", where, hint)


def _overlaps(frame: Frame, camera: Camera) -> NDArray[np.float64]:
    corners = lidar_corners(frame.boxes_lidar)
    projected = project_boxes(corners, camera.lidar2img, height_px=camera.height, width_px=camera.width)
    return _paired_ious(projected, frame.boxes_2d)


def _paired_ious(a: FloatArray, b: FloatArray) -> NDArray[np.float64]:
    shared = np.clip(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0, None)
    sides_a, sides_b = a[:, 2:] - a[:, :2], b[:, 2:] - b[:, :2]
    area = shared.prod(axis=1) / (sides_a.prod(axis=1) + sides_b.prod(axis=1) - shared.prod(axis=1) + 1e-9)
    height = shared[:, 1] / (sides_a[:, 1] + sides_b[:, 1] - shared[:, 1] + 1e-9)
    return np.stack([area, height], axis=1)


def _split_faults(info_path: Path, ious: NDArray[np.float64]) -> list[Fault]:
    if len(ious) == 0:
        return []
    area, height = np.median(ious, axis=0)
    if area >= _MIN_BOX_IOU and height >= _MIN_HEIGHT_IOU:
        return []
    message = (
        f"3D boxes do not project into their 2D boxes: median overlap {area:.2f} (at least {_MIN_BOX_IOU}),"
        f" in height {height:.2f} (at least {_MIN_HEIGHT_IOU})"
    )
    hint = "labels and calibration differ: look at frame, origin and order of sizes"
    return [Fault(message, str(info_path), hint)]


def _split_warnings(
    split: str, ious: NDArray[np.float64], points: NDArray[np.int64], *, is_labelled: bool
) -> tuple[str, ...]:
    if not is_labelled:
        return (f"{split}: no labels; it can be inferred on, not scored",)
    if len(ious) == 0:
        return (f"{split}: no frame shows a person",)
    warnings = []
    if beside := int((ious < (_MIN_BOX_IOU, _MIN_HEIGHT_IOU)).any(axis=1).sum()):
        warnings.append(f"{split}: {beside} of {len(ious)} 3D boxes do not project into their 2D box")
    if hollow := int((points == 0).sum()):
        warnings.append(f"{split}: {hollow} of {len(points)} 3D boxes hold no LiDAR point")
    return tuple(warnings)
