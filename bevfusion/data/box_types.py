"""mmdet3d's box types, and their like for boxes of any tilt (three angles).

Numbers and frames are those of :mod:`bevfusion.geometry.boxes`, which does the maths.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from mmdet3d.structures import BaseInstance3DBoxes, Box3DMode, LiDARInstance3DBoxes
from numpy.typing import ArrayLike
from torch import Tensor

from bevfusion.data.transforms import LidarTransform
from bevfusion.geometry.boxes import camera9_to_lidar9, lidar9_to_camera9, lidar_corners, upright_boxes
from bevfusion.geometry.frames import FloatArray, transform_points

__all__ = ["BOX_TYPES", "TiltedCameraBoxes", "TiltedLidarBoxes"]


class TiltedLidarBoxes(BaseInstance3DBoxes):
    """LiDAR boxes x, y, z (bottom centre), dx, dy, dz, rx, ry, rz (n, 9), beside mmdet3d's of one angle.

    Args:
        tensor: (n, 9) numbers.
        box_dim: 9.
        with_yaw: True; mmdet3d's boxes hand it on when they are copied.
    """

    YAW_AXIS = 2

    def __init__(self, tensor: Any, box_dim: int = 9, with_yaw: bool = True) -> None:
        super().__init__(tensor, box_dim=box_dim, with_yaw=with_yaw)

    @property
    def corners(self) -> Tensor:
        """(n, 8, 3) in mmdet3d's order."""
        return self._tensor(lidar_corners(self._in_lidar()))

    @property
    def gravity_center(self) -> Tensor:
        """(n, 3) middle of each box."""
        return self.corners.mean(dim=1)

    @property
    def yaw(self) -> Tensor:
        """(n,) heading of the long axis seen from above, radians."""
        return self._tensor(upright_boxes(self._in_lidar())[:, 6])

    def rotate(self, angle: float) -> None:
        """Turn the boxes counter-clockwise, seen from above, about the sensor."""
        self._change(LidarTransform(rotation_rad=float(angle)))

    def flip(self, bev_direction: str = "horizontal") -> None:
        """Mirror the boxes: ``horizontal`` swaps left and right, ``vertical`` front and back."""
        turn = np.pi if bev_direction == "vertical" else 0.0
        self._change(LidarTransform(flip=True, rotation_rad=turn))

    def convert_to(self, dst: int, rt_mat: ArrayLike) -> BaseInstance3DBoxes:
        """Carry the boxes over to the other sensor; nothing is lost, whatever the angles.

        Args:
            dst: ``Box3DMode.CAM``.
            rt_mat: (4, 4) ``lidar2cam``.
        """
        assert dst == Box3DMode.CAM
        return TiltedCameraBoxes(self._tensor(lidar9_to_camera9(self._numbers(), rt_mat)))

    def _in_lidar(self) -> FloatArray:
        return self._numbers()

    def _change(self, change: LidarTransform) -> None:
        self.tensor = self._tensor(change.apply_to_boxes(self._numbers()))

    def _numbers(self) -> FloatArray:
        return self.tensor.detach().cpu().double().numpy()

    def _tensor(self, numbers: FloatArray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(numbers)).to(self.tensor)


class TiltedCameraBoxes(TiltedLidarBoxes):
    """Camera boxes x, y, z (bottom centre), l, h, w, rx, ry, rz (n, 9); see the LiDAR's for the arguments."""

    YAW_AXIS = 1
    # Axes of a LiDAR in the camera's place: x forward, y left, z up.
    _CAMERA2LIDAR: ClassVar[FloatArray] = np.array(
        [[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]]
    )

    @property
    def corners(self) -> Tensor:
        """(n, 8, 3) in the camera frame, in the order of the LiDAR's."""
        return self._tensor(transform_points(lidar_corners(self._in_lidar()), self._CAMERA2LIDAR.T))

    @property
    def yaw(self) -> Tensor:
        """(n,) KITTI's ``rotation_y``, radians."""
        return -super().yaw - np.pi / 2

    def convert_to(self, dst: int, rt_mat: ArrayLike) -> BaseInstance3DBoxes:
        """Carry the boxes over to the other sensor; nothing is lost, whatever the angles.

        Args:
            dst: ``Box3DMode.LIDAR``.
            rt_mat: (4, 4) ``cam2lidar``.
        """
        assert dst == Box3DMode.LIDAR
        return TiltedLidarBoxes(self._tensor(camera9_to_lidar9(self._numbers(), rt_mat)))

    def _in_lidar(self) -> FloatArray:
        return camera9_to_lidar9(self._numbers(), self._CAMERA2LIDAR)

    def _change(self, change: LidarTransform) -> None:
        changed = change.apply_to_boxes(self._in_lidar())
        self.tensor = self._tensor(lidar9_to_camera9(changed, self._CAMERA2LIDAR.T))


BOX_TYPES = {1: LiDARInstance3DBoxes, 3: TiltedLidarBoxes}
"""LiDAR boxes by the number of their angles."""
