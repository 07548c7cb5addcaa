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
        local = CORNERS * self.sizes[:, None] / 2
        return np.asarray(self.centres[:, None] + np.einsum("tij,tcj->tci", _turns(self.headings), local))


def take_snapshot(scene: Scene, frame: int) -> Snapshot:
    """Bring every actor of a scene to where it is in one frame."""
    ego = scene.ego(frame)
    poses = [actor.pose(frame).seen_from(ego) for actor in scene.actors]
    shapes = [actor.shape(frame) for actor in scene.actors]
    headings = np.array([pose.yaw_rad for pose in poses], np.float32)
    feet = np.array([(pose.x_m, pose.y_m, -LIDAR_HEIGHT_M) for pose in poses], np.float32)
    turns = _turns(headings)
    local, counts = Solids.joined(shapes), [len(shape) for shape in shapes]
    owner = np.repeat(np.arange(len(shapes)), counts)
    first = np.cumsum([0, *counts[:-1]])
    lower, upper = local.bounds()
    lower, upper = np.minimum.reduceat(lower, first), np.maximum.reduceat(upper, first)
    lower[:, 2] = 0
    return Snapshot(
        kinds=tuple(actor.kind for actor in scene.actors),
        solids=local.placed(turns[owner], feet[owner]),
        owner=owner,
        centres=np.einsum("tij,tj->ti", turns, (lower + upper) / 2) + feet,
        sizes=upper - lower + MARGIN_M * np.array([2, 2, 1], np.float32),
        headings=headings,
        ego=ego,
    )


def _turns(headings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rotations (T, 3, 3) about ``z``."""
    turns = np.zeros((len(headings), 3, 3), np.float32)
    turns[:, 0, 0] = turns[:, 1, 1] = np.cos(headings)
    turns[:, 1, 0] = np.sin(headings)
    turns[:, 0, 1] = -turns[:, 1, 0]
    turns[:, 2, 2] = 1
    return turns
