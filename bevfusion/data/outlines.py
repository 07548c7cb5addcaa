"""What boxes cover, on the ground and in the images, and what of it is hidden behind others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bevfusion.data.infos import Camera
from bevfusion.geometry.boxes import lidar_corners, project_boxes, upright_boxes
from bevfusion.geometry.frames import FloatArray, project_points

__all__ = ["Outlines", "PixelBox", "pixel_boxes"]

_MIN_EDGE_PX = 2

PixelBox = tuple[int, int, int, int]
"""Left, top, right, bottom in whole pixels; right and bottom lie outside."""


def pixel_boxes(boxes: FloatArray, camera: Camera) -> NDArray[np.int64]:
    """Say which pixels of an image 3D boxes cover.

    Args:
        boxes: (n, 7) lidar 7 or (n, 9) lidar 9, raw LiDAR frame.
        camera: of the same frame.

    Returns:
        (n, 4) rows of `PixelBox`, all zero for a box that the camera does not see.
    """
    corners, size = lidar_corners(boxes), {"height_px": camera.height, "width_px": camera.width}
    edges = project_boxes(corners, camera.lidar2img, **size)
    rounded = np.concatenate([np.floor(edges[:, :2]), np.ceil(edges[:, 2:])], axis=1).astype(np.int64)
    is_seen = (rounded[:, 2:] - rounded[:, :2] >= _MIN_EDGE_PX).all(axis=1)
    return np.asarray(rounded * is_seen[:, None])


@dataclass(frozen=True)
class Outlines:
    """What ``n`` boxes cover, as seen from above and by ``c`` cameras.

    Attributes:
        ground: (n, 7) lidar 7.
        pixels: (c, n, 4) rows of `PixelBox`.
        depths_m: (c, n) of the bottom centres.
        cameras: calibration of the images.
    """

    ground: FloatArray
    pixels: NDArray[np.int64]
    depths_m: FloatArray
    cameras: tuple[Camera, ...]

    @classmethod
    def of(cls, boxes: FloatArray, cameras: Sequence[Camera]) -> Outlines:
        """Outline (n, 7) lidar 7 or (n, 9) lidar 9 boxes."""
        shape = len(cameras), len(boxes)
        pixels = [pixel_boxes(boxes, camera) for camera in cameras]
        depths_m = [project_points(boxes[:, :3], camera.lidar2img)[1] for camera in cameras]
        return cls(
            np.asarray(upright_boxes(boxes)),
            np.reshape(np.array(pixels, dtype=np.int64), (*shape, 4)),
            np.reshape(np.array(depths_m, dtype=np.float64), shape),
            tuple(cameras),
        )

    def __len__(self) -> int:
        return len(self.ground)

    def pick(self, rows: Sequence[int]) -> Outlines:
        """Those of some boxes."""
        rows = list(rows)
        return Outlines(self.ground[rows], self.pixels[:, rows], self.depths_m[:, rows], self.cameras)

    def join(self, other: Outlines) -> Outlines:
        """These, then those of other boxes in the same images."""
        return Outlines(
            np.concatenate([self.ground, other.ground]),
            np.concatenate([self.pixels, other.pixels], axis=1),
            np.concatenate([self.depths_m, other.depths_m], axis=1),
            self.cameras,
        )

    def hidden_parts(self) -> FloatArray:
        """How much of each box every other one hides from a camera.

        Returns:
            (c, n, n) part 0..1 of the pixels of box i that box j covers, 0 where j is not the nearer one.
        """
        low, high = self.pixels[..., :2], self.pixels[..., 2:]
        common = np.minimum(high[:, :, None], high[:, None]) - np.maximum(low[:, :, None], low[:, None])
        areas = (high - low).prod(axis=-1).clip(1)
        is_nearer = self.depths_m[:, None] < self.depths_m[:, :, None]
        return np.asarray(common.clip(0).prod(axis=-1) / areas[:, :, None] * is_nearer)

    def hide(self, points: FloatArray) -> NDArray[np.bool_]:
        """Say which points lie behind one of the boxes, as a camera sees it.

        Args:
            points: (k, >=3) raw LiDAR frame.

        Returns:
            (k,).
        """
        hidden = np.zeros(len(points), dtype=bool)
        for camera, pixels, depths_m in zip(self.cameras, self.pixels, self.depths_m, strict=True):
            place, point_depths_m = project_points(points[:, :3], camera.lidar2img)
            for edges, depth_m in zip(pixels, depths_m, strict=True):
                is_within = ((place >= edges[:2]) & (place < edges[2:])).all(axis=1)
                hidden |= is_within & (point_depths_m > depth_m)
        return hidden
