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
    upright_boxes,
)
from bevfusion.geometry.frames import invert_rigid, rotation_from_euler, to_homogeneous, transform_points

GOLDEN = np.load(Path(__file__).with_name("golden_boxes.npz"))
LIDAR2CAM = GOLDEN["lidar2cam"]
CAM2LIDAR = invert_rigid(LIDAR2CAM)
CAM2IMG = to_homogeneous([[100, 0, 80, 0], [0, 100, 30, 0], [0, 0, 1, 0]])


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


def tilted_boxes() -> np.ndarray:
    """Camera boxes in every posture, heading away among them."""
    rng = np.random.default_rng(3)
    angles = rng.uniform(-np.pi, np.pi, (200, 3)) * [1, 0.49, 1]
    return np.concatenate([rng.normal(0, 9, (200, 3)), rng.uniform(0.4, 4, (200, 3)), angles], axis=1)


def camera9_corners(boxes: np.ndarray) -> np.ndarray:
    """Corners by KITTI's own definition: l along x, h upwards from the bottom (-y), w along z."""
    unit = np.array([[x, -y, z] for x in (-0.5, 0.5) for y in (0, 1) for z in (-0.5, 0.5)])
    turned = (boxes[:, None, 3:6] * unit) @ rotation_from_euler(boxes[:, 6:9]).transpose(0, 2, 1)
    return turned + boxes[:, None, :3]


def nearest(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Distance (n, 8) of each of the corners a (n, 8, 3) to the nearest of b."""
    return np.linalg.norm(a[:, :, None] - b[:, None], axis=-1).min(axis=2)


def test_heading_of_nine_numbers_is_that_of_tao() -> None:
    boxes = upright_boxes(camera9_to_lidar9(GOLDEN["camera9"].astype(np.float64), CAM2LIDAR))
    expected = GOLDEN["tao_lidar9"][:, [0, 1, 2, 3, 4, 5, 8]]
    np.testing.assert_allclose(boxes, expected, atol=1e-5)


def test_box_of_any_posture_keeps_its_corners_in_the_lidar_frame() -> None:
    boxes = tilted_boxes()
    expected = transform_points(camera9_corners(boxes), CAM2LIDAR)
    assert nearest(lidar_corners(camera9_to_lidar9(boxes, CAM2LIDAR)), expected).max() < 1e-5


def test_box_of_any_posture_survives_the_way_there_and_back() -> None:
    boxes = tilted_boxes()
    back = lidar9_to_camera9(camera9_to_lidar9(boxes, CAM2LIDAR), LIDAR2CAM)
    np.testing.assert_allclose(back, boxes, atol=1e-5)


def test_heading_survives_the_way_back_where_tao_loses_it() -> None:
    boxes = GOLDEN["camera9"].astype(np.float64)
    back = lidar9_to_camera9(camera9_to_lidar9(boxes, CAM2LIDAR), LIDAR2CAM)
    ahead = rotation_from_euler(back[:, 6:9])[:, :, 0]
    np.testing.assert_allclose(np.arctan2(-ahead[:, 2], ahead[:, 0]), boxes[:, 7], atol=1e-6)
    lost = np.abs(GOLDEN["tao_lidar9_back_to_camera9"][:, 7] - boxes[:, 7]) > 0.1
    assert lost.tolist() == (np.abs(boxes[:, 7]) > np.pi / 2).tolist()


def test_seven_and_nine_numbers_of_an_upright_box_are_the_same_box() -> None:
    seven = GOLDEN["mmdet3d_lidar7"].astype(np.float64)
    nine = np.concatenate([seven[:, :6], np.zeros((len(seven), 2)), seven[:, 6:]], axis=1)
    np.testing.assert_allclose(upright_boxes(nine), seven, atol=1e-12)
    assert upright_boxes(seven) is seven
    np.testing.assert_allclose(lidar_corners(nine), lidar_corners(seven), atol=1e-12)


def test_points_are_found_in_a_box_that_lies_on_its_side() -> None:
    fallen = np.array([[5.0, 0.0, 0.0, 1.0, 0.4, 1.8, np.pi / 2, 0.0, 0.0]])  # its top points to -y
    points = np.array([[5.0, -1.7, 0.1], [5.0, 1.7, 0.1], [5.0, -0.1, 0.3], [5.4, -0.9, -0.1]])
    assert points_in_boxes(points, fallen)[:, 0].tolist() == [True, False, False, True]


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
    assert lidar9_to_camera9(np.zeros((0, 9)), LIDAR2CAM).shape == (0, 9)
    assert upright_boxes(np.zeros((0, 9))).shape == (0, 7)
    assert project_boxes(camera_corners(none), CAM2IMG, height_px=60, width_px=160).shape == (0, 4)
    assert points_in_boxes(np.zeros((5, 3)), none).shape == (5, 0)
