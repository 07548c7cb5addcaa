"""Box conversions against hand-worked numbers and against mmdet3d 1.4.0 and TAO (16 random boxes)."""

from pathlib import Path

import numpy as np
import pytest

from bevfusion.geometry.boxes import (
    camera7_to_lidar7,
    camera9_to_lidar9,
    camera_corners,
    lidar7_to_camera7,
    lidar9_to_camera9,
    lidar_corners,
    points_in_boxes,
    project_boxes,
)
from bevfusion.geometry.frames import invert_rigid, to_homogeneous

GOLDEN = np.load(Path(__file__).with_name("golden_boxes.npz"))
LIDAR2CAM = GOLDEN["lidar2cam"]
CAM2LIDAR = invert_rigid(LIDAR2CAM)
CAM2IMG = to_homogeneous([[100, 0, 80, 0], [0, 100, 30, 0], [0, 0, 1, 0]])


def upright9(rotation_y: float) -> np.ndarray:
    return np.array([[2.0, 1.5, 12.0, 0.9, 1.7, 0.6, 0.0, rotation_y, 0.0]])


def test_camera_boxes_become_the_lidar_boxes_of_mmdet3d() -> None:
    boxes = GOLDEN["camera_xyz_lhw_ry"].astype(np.float64)
    np.testing.assert_allclose(camera7_to_lidar7(boxes, CAM2LIDAR), GOLDEN["mmdet3d_lidar7"], atol=1e-5)


def test_corners_equal_those_of_mmdet3d_in_order() -> None:
    corners = lidar_corners(GOLDEN["mmdet3d_lidar7"].astype(np.float64))
    np.testing.assert_allclose(corners, GOLDEN["mmdet3d_lidar_corners"], atol=1e-5)


def test_seven_numbers_survive_the_way_there_and_back() -> None:
    boxes = GOLDEN["camera_xyz_lhw_ry"].astype(np.float64)
    back = lidar7_to_camera7(camera7_to_lidar7(boxes, CAM2LIDAR), LIDAR2CAM)
    np.testing.assert_allclose(back, boxes, atol=1e-12)


def test_nine_numbers_become_those_of_tao() -> None:
    boxes = GOLDEN["camera9"].astype(np.float64)
    np.testing.assert_allclose(camera9_to_lidar9(boxes, CAM2LIDAR), GOLDEN["tao_lidar9"], atol=1e-5)


def test_nine_numbers_survive_the_way_back_where_tao_loses_the_heading() -> None:
    boxes = GOLDEN["camera9"].astype(np.float64)
    back = lidar9_to_camera9(camera9_to_lidar9(boxes, CAM2LIDAR), LIDAR2CAM)
    np.testing.assert_allclose(back, boxes, atol=1e-6)
    lost = np.abs(GOLDEN["tao_lidar9_back_to_camera9"][:, 7] - boxes[:, 7]) > 0.1
    assert lost.tolist() == (np.abs(boxes[:, 7]) > np.pi / 2).tolist()


@pytest.mark.parametrize("rotation_y", [-2.97, -np.pi / 2, -0.17, 0.0, 1.6, 3.1])
def test_single_heading_survives_the_way_there_and_back(rotation_y: float) -> None:
    boxes = upright9(rotation_y)
    back = lidar9_to_camera9(camera9_to_lidar9(boxes, CAM2LIDAR), LIDAR2CAM)
    np.testing.assert_allclose(back, boxes, atol=1e-6)


def test_person_facing_the_cameras_right_looks_right_in_the_lidar() -> None:
    axes = np.array([[0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1.0]])
    box = camera7_to_lidar7(np.array([[3.0, 1.7, 10.0, 0.9, 1.8, 0.5, 0.0]]), axes)
    np.testing.assert_allclose(box, [[10.0, -3.0, -1.7, 0.9, 0.5, 1.8, -np.pi / 2]])


def test_camera_corners_follow_kittis_rotation() -> None:
    rotation_y = 0.3
    corners = camera_corners(np.array([[1.0, 2.0, 10.0, 4.0, 1.5, 2.0, rotation_y]]))[0]
    front_left_bottom = [
        1 + 2 * np.cos(rotation_y) + 1 * np.sin(rotation_y),
        2.0,
        10 - 2 * np.sin(rotation_y) + 1 * np.cos(rotation_y),
    ]
    np.testing.assert_allclose(corners[7], front_left_bottom)
    assert corners[:, 1].min() == pytest.approx(0.5)


def test_projected_box_of_a_cube_by_hand() -> None:
    corners = camera_corners(np.array([[0.0, 1.0, 5.0, 2.0, 2.0, 2.0, 0.0]]))
    outline = project_boxes(corners, CAM2IMG, height_px=60, width_px=160)
    np.testing.assert_allclose(outline, [[55.0, 5.0, 105.0, 55.0]])


def test_box_that_reaches_behind_the_camera_fills_its_side_of_the_image() -> None:
    corners = camera_corners(np.array([[2.0, 1.0, 0.0, 8.0, 2.0, 2.0, np.pi / 2]]))
    outline = project_boxes(corners, CAM2IMG, height_px=60, width_px=160)
    np.testing.assert_allclose(outline, [[105.0, 0.0, 159.0, 59.0]])


@pytest.mark.parametrize("place", [(0.0, 1.0, -9.0), (90.0, 1.0, 9.0), (0.0, 90.0, 9.0)])
def test_box_out_of_view_has_no_outline(place: tuple[float, float, float]) -> None:
    corners = camera_corners(np.array([[*place, 1.0, 2.0, 1.0, 0.0]]))
    assert project_boxes(corners, CAM2IMG, height_px=60, width_px=160).tolist() == [[0.0] * 4]


def test_points_are_found_in_the_rotated_box_only() -> None:
    boxes = np.array([[10.0, 0.0, -1.0, 4.0, 2.0, 2.0, np.pi / 2], [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0]])
    points = np.array(
        [[10, 1.9, 0], [11.9, 0, 0], [10, 0, 1.01], [10, 0, -1], [0.5, 0.5, 1]], dtype=np.float32
    )
    inside = points_in_boxes(points, boxes)
    assert inside.tolist() == [[1, 0], [0, 0], [0, 0], [1, 0], [0, 1]]


def test_no_boxes_are_fine_everywhere() -> None:
    none = np.zeros((0, 7))
    assert camera7_to_lidar7(none, CAM2LIDAR).shape == (0, 7)
    assert lidar_corners(none).shape == (0, 8, 3)
    assert project_boxes(camera_corners(none), CAM2IMG, height_px=60, width_px=160).shape == (0, 4)
    assert points_in_boxes(np.zeros((5, 3)), none).shape == (5, 0)
