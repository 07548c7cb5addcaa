"""One moment of a scene as the sensors meet it: all solids in the LiDAR frame, and each thing's box."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bevfusion.demo.calibration import LIDAR_HEIGHT_M
from bevfusion.demo.solids import CORNERS, Pose, Solids
from bevfusion.demo.world import Kind, Scene

__all__ = ["MARGIN_M", "Snapshot", "take_snapshot"]

# Labellers leave some air around the points; it also holds the LiDAR's range noise.
MARGIN_M = 0.03


@dataclass(frozen=True)
class Snapshot:
    """T things made of S solids, in the LiDAR frame.

    Attributes:
        kinds: T kinds.
        solids: S solids.
        owner: (S,) int, thing that a solid belongs to, ascending.
        centres: (T, 3) float32, box centres, metres.
        sizes: (T, 3) float32, box length (along the heading), width, height, metres.
        headings: (T,) float32, radians about ``z``.
        ego: world pose of the sensors' car.
    """

    kinds: tuple[Kind, ...]
    solids: Solids
    owner: NDArray[np.int64]
    centres: NDArray[np.float32]
    sizes: NDArray[np.float32]
    headings: NDArray[np.float32]
    ego: Pose

    def corners(self) -> NDArray[np.float32]:
        """Box corners (T, 8, 3) in the order of ``solids.CORNERS``."""
        cos, sin, zero = np.cos(self.headings), np.sin(self.headings), np.zeros_like(self.headings)
        turn = np.stack([cos, -sin, zero, sin, cos, zero, zero, zero, zero + 1], axis=1).reshape(-1, 3, 3)
        return np.asarray(
            self.centres[:, None] + np.einsum("tij,tcj->tci", turn, CORNERS * self.sizes[:, None] / 2)
        )


def take_snapshot(scene: Scene, frame: int) -> Snapshot:
    """Bring every actor of a scene to where it is in one frame."""
    ego = scene.ego(frame)
    placed, centres, sizes, headings = [], [], [], []
    for actor in scene.actors:
        pose, shape = actor.pose(frame).seen_from(ego), actor.shape(frame)
        lower, upper = shape.bounds()
        lower[2] = 0.0
        centre = pose.rotation() @ (lower + upper) / 2
        centres.append(centre + np.array([pose.x_m, pose.y_m, -LIDAR_HEIGHT_M]))
        sizes.append(upper - lower + MARGIN_M * np.array([2, 2, 1]))
        headings.append(pose.yaw_rad)
        placed.append(shape.placed(pose, -LIDAR_HEIGHT_M))
    return Snapshot(
        kinds=tuple(actor.kind for actor in scene.actors),
        solids=Solids.joined(placed),
        owner=np.repeat(np.arange(len(placed)), [len(part) for part in placed]),
        centres=np.array(centres, np.float32),
        sizes=np.array(sizes, np.float32),
        headings=np.array(headings, np.float32),
        ego=ego,
    )
