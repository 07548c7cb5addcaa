"""Boxes of any tilt as mmdet3d holds them."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="the detector is not installed")

from bevfusion.ops import register_mmcv_ops  # noqa: E402  mmdet3d needs its operations first

register_mmcv_ops()

from mmdet3d.structures import Box3DMode, LiDARInstance3DBoxes  # noqa: E402

from bevfusion.data.box_types import TiltedCameraBoxes, TiltedLidarBoxes  # noqa: E402
from bevfusion.data.transforms import LidarTransform  # noqa: E402
from bevfusion.geometry.boxes import lidar_corners  # noqa: E402
from bevfusion.geometry.frames import transform_points  # noqa: E402

LIDAR2CAM = np.array([[0, -1, 0, 0.1], [0, 0, -1, -0.2], [1, 0, 0, -0.3], [0, 0, 0, 1.0]])
UPRIGHT = np.array([[9.0, 2, -1.6, 0.9, 0.5, 1.8, 0.4], [12, -3, -1.5, 4.0, 1.8, 1.5, -2.9]])


def lidar_boxes(count: int = 30) -> np.ndarray:
    rng = np.random.default_rng(0)
    angles = rng.uniform(-np.pi, np.pi, (count, 3)) * [1, 0.49, 1]
    return np.concatenate([rng.normal(0, 9, (count, 3)), rng.uniform(0.4, 4, (count, 3)), angles], axis=1)


def tilted(boxes: np.ndarray) -> np.ndarray:
    return np.insert(boxes, [6, 6], 0.0, axis=1)


def same_corners(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether boxes have the same corners (n, 8, 3), in whatever order."""
    apart = np.linalg.norm(a[:, :, None] - b[:, None], axis=-1)
    return bool(apart.min(axis=2).max() < 1e-4 and apart.min(axis=1).max() < 1e-4)


def test_upright_boxes_are_those_of_mmdet3d() -> None:
    ours, theirs = TiltedLidarBoxes(tilted(UPRIGHT)), LiDARInstance3DBoxes(UPRIGHT)
    np.testing.assert_allclose(ours.corners, theirs.corners, atol=1e-5)
    np.testing.assert_allclose(ours.gravity_center, theirs.gravity_center, atol=1e-5)
    np.testing.assert_allclose(ours.yaw, theirs.yaw, atol=1e-6)
    assert ours[torch.tensor([True, False])].to("cpu").clone().tensor.shape == (1, 9)
    assert TiltedLidarBoxes(torch.zeros(0, 9)).corners.shape == (0, 8, 3)


def test_sensors_see_the_same_corners_and_nothing_is_lost_on_the_way_back() -> None:
    boxes = TiltedLidarBoxes(lidar_boxes())
    camera = boxes.convert_to(Box3DMode.CAM, LIDAR2CAM)
    assert isinstance(camera, TiltedCameraBoxes)
    assert same_corners(camera.corners.numpy(), transform_points(boxes.corners.numpy(), LIDAR2CAM))
    back = camera.convert_to(Box3DMode.LIDAR, np.linalg.inv(LIDAR2CAM))
    np.testing.assert_allclose(back.tensor, boxes.tensor, atol=1e-4)


@pytest.mark.parametrize("rotation_y", [-2.97, -0.17, 1.6, 3.1])
def test_camera_boxes_know_kittis_rotation_beyond_a_right_angle(rotation_y: float) -> None:
    camera = TiltedCameraBoxes([[2.0, 1.5, 12.0, 0.9, 1.7, 0.6, 0.0, rotation_y, 0.0]])
    assert np.cos(camera.yaw.item() - rotation_y) == pytest.approx(1)
    back = camera.convert_to(Box3DMode.LIDAR, np.linalg.inv(LIDAR2CAM)).convert_to(Box3DMode.CAM, LIDAR2CAM)
    assert np.cos(back.yaw.item() - rotation_y) == pytest.approx(1)


@pytest.mark.parametrize("kind", [TiltedLidarBoxes, TiltedCameraBoxes])
@pytest.mark.parametrize("direction", ["horizontal", "vertical"])
def test_mirrored_boxes_have_the_mirrored_corners(kind: type, direction: str) -> None:
    boxes = kind(lidar_boxes())
    across, ahead = (0, 2) if kind is TiltedCameraBoxes else (1, 0)
    expected = boxes.corners.numpy().copy()
    expected[..., across if direction == "horizontal" else ahead] *= -1
    boxes.flip(direction)
    assert same_corners(boxes.corners.numpy(), expected)


def test_turned_boxes_have_the_turned_corners() -> None:
    boxes = TiltedLidarBoxes(lidar_boxes())
    expected = transform_points(boxes.corners.numpy(), LidarTransform(rotation_rad=0.7).matrix)
    boxes.rotate(0.7)
    assert same_corners(boxes.corners.numpy(), expected)


def test_augmented_boxes_of_any_tilt_have_the_augmented_corners() -> None:
    change = LidarTransform(flip=True, rotation_rad=0.4, scale=1.1, translation_m=(0.3, -0.2, 0.1))
    boxes = lidar_boxes()
    expected = transform_points(lidar_corners(boxes), change.matrix)
    assert same_corners(lidar_corners(change.apply_to_boxes(boxes)), expected)
