"""Augmentation of points, boxes and images, each kept as the matrix that undoes or follows it.

The two sensors are augmented independently: calibration stays that of the raw frame, ``lidar_aug_matrix``
maps raw to augmented points and ``img_aug_matrix`` raw to augmented pixels, and the view transform applies
both. Image steps and their order follow mmdet3d's ``ImageAug3D`` (resize, crop, flip, rotate).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bevfusion.geometry.frames import FloatArray, transform_points, wrap_angle
from bevfusion.spec.dataset import AugmentationSpec

__all__ = ["ImageTransform", "LidarTransform"]


@dataclass(frozen=True)
class LidarTransform:
    """Change of a LiDAR scene: mirror, then rotate, scale, shift."""

    flip: bool = False
    rotation_rad: float = 0.0
    scale: float = 1.0
    translation_m: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @classmethod
    def sample(cls, ranges: AugmentationSpec, rng: np.random.Generator) -> LidarTransform:
        """Draw one at random."""
        return cls(
            flip=bool(rng.random() < ranges.flip_probability),
            rotation_rad=ranges.rotation_rad * rng.uniform(-1, 1),
            scale=1 + ranges.scale * rng.uniform(-1, 1),
            translation_m=tuple((ranges.translation_m * rng.normal(size=3)).tolist()),
        )

    @property
    def matrix(self) -> NDArray[np.float64]:
        """``lidar_aug_matrix``: (4, 4), raw to augmented LiDAR frame."""
        cos, sin = np.cos(self.rotation_rad), np.sin(self.rotation_rad)
        rotation = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
        matrix = np.eye(4)
        matrix[:3, :3] = self.scale * rotation @ np.diag([1.0, -1.0 if self.flip else 1.0, 1.0])
        matrix[:3, 3] = self.translation_m
        return matrix

    def apply_to_points(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Move points; features after x, y, z stay.

        Args:
            points: (n, >=3) raw LiDAR frame.

        Returns:
            A changed copy.
        """
        moved = points.copy()
        moved[:, :3] = transform_points(points[:, :3], self.matrix)
        return moved

    def apply_to_boxes(self, boxes: FloatArray) -> FloatArray:
        """Move boxes with their points.

        Args:
            boxes: (n, 7) lidar 7 or (n, 9) lidar 9 of :mod:`bevfusion.geometry.boxes`.

        Returns:
            The same layout, yaw or rz in [-pi, pi).
        """
        # The mirror image of Rz Ry Rx, seen by a box that is its own mirror image: rx and rz change sign.
        mirror = np.array([-1.0, 1.0, -1.0] if self.flip else [1.0, 1.0, 1.0])
        angles = boxes[:, 6:] * mirror[-boxes[:, 6:].shape[1] :]
        angles[:, -1] = wrap_angle(angles[:, -1] + self.rotation_rad)
        position = transform_points(boxes[:, :3], self.matrix)
        return np.concatenate([position, boxes[:, 3:6] * self.scale, angles], axis=1)


@dataclass(frozen=True)
class ImageTransform:
    """Change of an image: resize, cut out, mirror, rotate about the middle.

    Attributes:
        resize: factor of both axes.
        crop_px: left, top, right, bottom in resized pixels; what lies outside the image becomes black.
        flip: mirror left to right.
        rotation_deg: counter-clockwise as seen.
    """

    resize: float
    crop_px: tuple[int, int, int, int]
    flip: bool = False
    rotation_deg: float = 0.0

    @classmethod
    def fit(
        cls, source_hw: tuple[int, int], target_hw: tuple[int, int], resize: float | None = None
    ) -> ImageTransform:
        """Choose the change that evaluation uses: the same for every frame of a size.

        The image's width is fitted to the target's, whatever the camera. Height is anchored at the bottom,
        where the road is: too much is cut at the top, too little is padded there with black.

        Args:
            source_hw: height and width of the raw image.
            target_hw: height and width of the model's input.
            resize: another factor than the one that fits, for instance 0.48 as in nuScenes settings.
        """
        factor = target_hw[1] / source_hw[1] if resize is None else resize
        return cls(factor, _anchor(source_hw, target_hw, factor, shift=0.5))

    @classmethod
    def sample(
        cls,
        source_hw: tuple[int, int],
        target_hw: tuple[int, int],
        *,
        ranges: AugmentationSpec,
        rng: np.random.Generator,
    ) -> ImageTransform:
        """Draw one at random around the one that evaluation uses."""
        factor = target_hw[1] / source_hw[1] * (1 + ranges.image_resize * rng.uniform(-1, 1))
        crop = _anchor(source_hw, target_hw, factor, shift=float(rng.random()))
        flip = bool(rng.random() < 0.5) and ranges.image_flip
        return cls(factor, crop, flip, ranges.image_rotation_deg * rng.uniform(-1, 1))

    @property
    def matrix(self) -> NDArray[np.float64]:
        """``img_aug_matrix``: (4, 4), raw to augmented pixels (depth and last row untouched)."""
        left, top, right, bottom = self.crop_px
        affine = np.array([[self.resize, 0, -left], [0, self.resize, -top], [0, 0, 1.0]])
        if self.flip:
            affine = np.array([[-1, 0, right - left], [0, 1, 0], [0, 0, 1.0]]) @ affine
        cos, sin = np.cos(np.deg2rad(self.rotation_deg)), np.sin(np.deg2rad(self.rotation_deg))
        turn = np.array([[cos, sin], [-sin, cos]])
        middle = np.array([right - left, bottom - top]) / 2
        matrix = np.eye(4)
        matrix[:2, :2] = turn @ affine[:2, :2]
        matrix[:2, 3] = turn @ (affine[:2, 2] - middle) + middle
        return matrix

    def apply(self, image: Image.Image) -> NDArray[np.uint8]:
        """Change an image.

        Returns:
            (H, W, 3) RGB.
        """
        size = _resized(self.resize, (image.height, image.width))
        changed = image if size == image.size else image.resize(size)
        if self.crop_px != (0, 0, *size):
            changed = changed.crop(self.crop_px)
        if self.flip:
            changed = changed.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if self.rotation_deg:
            changed = changed.rotate(self.rotation_deg)
        return np.asarray(changed)


def _resized(factor: float, source_hw: tuple[int, int]) -> tuple[int, int]:
    # Cells are cut off as in the reference; the tiny addend keeps a width that fits from losing a column to
    # rounding.
    return int(source_hw[1] * factor + 1e-6), int(source_hw[0] * factor + 1e-6)


def _anchor(
    source_hw: tuple[int, int], target_hw: tuple[int, int], factor: float, *, shift: float
) -> tuple[int, int, int, int]:
    """Cut out at the bottom; ``shift`` 0..1 says where across a wider image, a narrower one stays left."""
    width, height = _resized(factor, source_hw)
    left, top = int(shift * max(0, width - target_hw[1])), height - target_hw[0]
    return left, top, left + target_hw[1], top + target_hw[0]
