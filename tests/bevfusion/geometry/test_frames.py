import numpy as np
import pytest

from bevfusion.geometry.frames import (
    euler_from_rotation,
    invert_rigid,
    is_rotation,
    project_points,
    rotation_from_euler,
    to_homogeneous,
    transform_points,
    visible_mask,
    wrap_angle,
)

# Velodyne axes (x forward, y left, z up) to camera axes (x right, y down, z forward).
LIDAR2CAM = np.array([[0, -1, 0, 0.1], [0, 0, -1, -0.2], [1, 0, 0, -0.3], [0, 0, 0, 1.0]])
CAM2IMG = to_homogeneous([[100, 0, 80, 0], [0, 100, 30, 0], [0, 0, 1, 0]])


def test_point_ahead_left_and_above_lands_left_of_and_above_the_middle() -> None:
    pixels, depth_m = project_points(np.array([[10.3, 1.1, 0.8]]), CAM2IMG @ LIDAR2CAM)
    np.testing.assert_allclose(pixels, [[70.0, 20.0]])
    np.testing.assert_allclose(depth_m, [10.0])


def test_transform_and_its_inverse_cancel_and_keep_dtype() -> None:
    points = np.array([[1, 2, 3], [-4, 5, 0.5]], dtype=np.float32)
    there = transform_points(points, LIDAR2CAM)
    assert there.dtype == np.float32
    np.testing.assert_allclose(there[0], [-1.9, -3.2, 0.7], rtol=1e-6)
    np.testing.assert_allclose(transform_points(there, invert_rigid(LIDAR2CAM)), points, atol=1e-6)


def test_visible_points_are_in_front_and_inside_the_image() -> None:
    points = np.array([[10, 0, 0], [-10, 0, 0], [10, 9, 0], [10, -9, 0], [10, 0, 4]], dtype=np.float32)
    seen = visible_mask(points, CAM2IMG @ LIDAR2CAM, height_px=60, width_px=160)
    assert seen.tolist() == [True, False, False, False, False]


def test_edge_of_the_image_belongs_to_it_on_one_side_only() -> None:
    points = np.array([[-0.8, 0.0, 1.0], [0.8, 0.0, 1.0]])
    assert visible_mask(points, CAM2IMG, height_px=60, width_px=160).tolist() == [True, False]


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [(LIDAR2CAM, True), (np.diag([1.0, -1, 1]), False), (2 * np.eye(3), False), (np.eye(3) + 1e-5, True)],
)
def test_only_proper_rotations_pass(matrix: np.ndarray, expected: bool) -> None:
    assert is_rotation(matrix) is expected


def test_angles_are_wrapped_into_half_open_interval() -> None:
    wrapped = wrap_angle(np.array([np.pi, -np.pi, 3.5, -7.0]))
    np.testing.assert_allclose(wrapped, [-np.pi, -np.pi, 3.5 - 2 * np.pi, 2 * np.pi - 7.0])


def test_euler_angles_turn_about_x_then_y_then_z() -> None:
    up, ahead = np.array([0.0, 0, 1]), np.array([1.0, 0, 0])
    np.testing.assert_allclose(rotation_from_euler(np.array([np.pi / 2, 0, 0])) @ up, [0, -1, 0], atol=1e-15)
    turned = rotation_from_euler(np.array([0, np.pi / 2, np.pi / 2])) @ ahead
    np.testing.assert_allclose(turned, [0, 0, -1], atol=1e-15)


@pytest.mark.parametrize("ry", [0.0, 1.2, -1.5707, np.pi / 2, -np.pi / 2, np.pi / 2 - 1e-9, 3.0])
def test_angles_of_a_rotation_give_it_back(ry: float) -> None:
    rx, rz = np.meshgrid(np.linspace(-3.1, 3.1, 9), np.linspace(-3.1, 3.1, 9))
    rotations = rotation_from_euler(np.stack([rx, np.full_like(rx, ry), rz], axis=-1))
    np.testing.assert_allclose(rotation_from_euler(euler_from_rotation(rotations)), rotations, atol=2e-7)
