"""KITTI labels of one frame: which things get one, and its fifteen columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bevfusion.demo.calibration import HEIGHT_PX, WIDTH_PX, Calibration
from bevfusion.demo.camera import STEP_PX
from bevfusion.demo.lidar import Sweep
from bevfusion.demo.raycast import GROUND, Hits
from bevfusion.demo.snapshot import Snapshot

__all__ = ["Label", "annotate"]

Doubles = NDArray[np.float64]
LABEL_RANGE_M = 44.0
MIN_POINTS = 5
MIN_VISIBLE_PX = 12
# KITTI: 0 fully visible, 1 partly, 2 largely occluded, 3 unknown; the least visible share of each.
OCCLUSION_SHARES = (0.8, 0.45, 0.15)
DONT_CARE = "DontCare -1 -1 -10 {} -1 -1 -1 -1000 -1000 -1000 -10"


@dataclass(frozen=True)
class Label:
    """One row of a KITTI label file.

    Attributes:
        name: KITTI type, ``DontCare`` for a region in which nothing is judged.
        truncated: share of the 2D box outside of the image, 0..1.
        occluded: 0 to 3.
        box_2d: left, top, right, bottom in pixels, clipped to the image.
        size: height, width, length in metres.
        location: middle of the bottom face, camera frame, metres.
        rotation_y: heading about the camera's ``y``, radians in (-pi, pi].
    """

    name: str
    truncated: float
    occluded: int
    box_2d: tuple[float, float, float, float]
    size: tuple[float, float, float]
    location: tuple[float, float, float]
    rotation_y: float

    @property
    def alpha(self) -> float:
        """Angle at which the camera sees the thing, radians in (-pi, pi]."""
        return _wrapped(self.rotation_y - float(np.arctan2(self.location[0], self.location[2])))

    def as_text(self) -> str:
        """The row of the file, without its line end."""
        box_2d = " ".join(f"{value:.2f}" for value in self.box_2d)
        if self.name == "DontCare":
            return DONT_CARE.format(box_2d)
        numbers = (*self.size, *self.location, self.rotation_y)
        tail = " ".join(f"{value:.2f}" for value in numbers)
        return f"{self.name} {self.truncated:.2f} {self.occluded} {self.alpha:.2f} {box_2d} {tail}"


def annotate(snapshot: Snapshot, calibration: Calibration, hits: Hits, sweep: Sweep) -> list[Label]:
    """Label what a person would label: things that are in the image and not wholly hidden.

    Far or hardly measured things that show in the image become ``DontCare`` regions, after all others.
    """
    full = calibration.image_bounds(snapshot.corners())
    clipped = full.clip(0, np.array([WIDTH_PX, HEIGHT_PX, WIDTH_PX, HEIGHT_PX]) - 1)
    seen = sweep.owner[calibration.is_in_image(sweep.points[:, :3])]
    points = np.bincount(seen[seen != GROUND], minlength=len(snapshot.kinds))
    known: list[Label] = []
    regions: list[Label] = []
    for index, kind in enumerate(snapshot.kinds):
        visible_px = int(hits.visible[index]) * STEP_PX**2
        if not kind.is_labelled or visible_px < MIN_VISIBLE_PX:
            continue
        share = hits.visible[index] / hits.silhouette[index]
        label = Label(
            kind.value,
            _truncation(full[index], clipped[index]),
            int(np.sum(share < np.array(OCCLUSION_SHARES))),
            _four(clipped[index]),
            *_box_in_camera(snapshot, calibration, index),
        )
        is_measured = points[index] >= MIN_POINTS and label.location[2] < LABEL_RANGE_M
        (known if is_measured else regions).append(label)
    return known + [
        Label("DontCare", -1, -1, region.box_2d, (-1, -1, -1), (-1000, -1000, -1000), -10)
        for region in regions
    ]


def _box_in_camera(
    snapshot: Snapshot, calibration: Calibration, index: int
) -> tuple[tuple[float, float, float], tuple[float, float, float], float]:
    length, width, height = (float(value) for value in snapshot.sizes[index])
    heading = np.array([np.cos(snapshot.headings[index]), np.sin(snapshot.headings[index]), 0])
    x_m, y_m, z_m = (float(value) for value in calibration.to_camera(snapshot.centres[index]))
    right, _, ahead = calibration.lidar_to_rectified[:, :3] @ heading
    return (height, width, length), (x_m, y_m + height / 2, z_m), _wrapped(float(np.arctan2(-ahead, right)))


def _truncation(full: Doubles, clipped: Doubles) -> float:
    whole, inside = ((box[2] - box[0]) * (box[3] - box[1]) for box in (full, clipped))
    return float(1 - inside / whole)


def _four(values: Doubles) -> tuple[float, float, float, float]:
    left, top, right, bottom = (float(value) for value in values)
    return left, top, right, bottom


def _wrapped(angle_rad: float) -> float:
    return float(np.pi - (np.pi - angle_rad) % (2 * np.pi))
