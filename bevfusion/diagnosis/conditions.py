"""Shows a detector what a damaged sensor or a shifted calibration would show it.

Only the model is misled: what it detects is brought back into the camera and scored by the true calibration.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

__all__ = ["AS_RECORDED", "CONDITIONS", "Condition", "Item"]

Item = Mapping[str, Any]
"""A frame as :class:`bevfusion.data.dataset.FusionDataset` gives it."""
Condition = Callable[[Item], Item]

AS_RECORDED = "as recorded"


def without_camera(item: Item) -> Item:
    """The camera is dead: every pixel black."""
    inputs = item["inputs"]
    return {**item, "inputs": {**inputs, "img": torch.zeros_like(inputs["img"])}}


def without_lidar(item: Item) -> Item:
    """The LiDAR is dead: not one point."""
    inputs = item["inputs"]
    return {**item, "inputs": {**inputs, "points": inputs["points"][:0]}}


def turn_camera(item: Item, *, degrees: float) -> Item:
    """The calibration says that the camera looks so much further to the right than it does."""
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    motion = np.eye(4)
    motion[:3, :3] = [[cos, 0, -sin], [0, 1, 0], [sin, 0, cos]]
    return _recalibrated(item, motion)


def shift_camera(item: Item, *, metres: float) -> Item:
    """The calibration says that the camera is so much further to the right than it is."""
    motion = np.eye(4)
    motion[0, 3] = -metres
    return _recalibrated(item, motion)


CONDITIONS: Mapping[str, Condition] = {
    "camera off": without_camera,
    "LiDAR off": without_lidar,
    "camera turned by 0.5 deg": partial(turn_camera, degrees=0.5),
    "camera turned by 1 deg": partial(turn_camera, degrees=1.0),
    "camera shifted by 5 cm": partial(shift_camera, metres=0.05),
    "camera shifted by 10 cm": partial(shift_camera, metres=0.1),
}
"""What is tried on a model that sees both sensors, by name."""


def _recalibrated(item: Item, motion: NDArray[np.float64]) -> Item:
    """The item as if the camera had been moved: ``motion`` (4, 4) leads from its true to its stated frame."""
    sample = item["data_samples"].clone()
    true = {name: np.asarray(sample.metainfo[name], np.float64) for name in _MATRICES}
    cam2lidar = np.linalg.inv(true["lidar2cam"])
    lidar2img = true["lidar2img"] @ cam2lidar @ motion @ true["lidar2cam"]
    stated = {
        "lidar2cam": motion @ true["lidar2cam"],
        "lidar2img": lidar2img,
        # from the projection's point of view, as the data set has it
        "cam2lidar": np.linalg.inv(lidar2img) @ true["lidar2img"] @ true["cam2lidar"],
    }
    sample.set_metainfo({name: matrix.astype(np.float32) for name, matrix in stated.items()})
    return {**item, "data_samples": sample}


_MATRICES = ("lidar2cam", "lidar2img", "cam2lidar")
