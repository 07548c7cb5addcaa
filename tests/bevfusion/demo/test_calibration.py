import numpy as np
import pytest
from numpy.random import default_rng

from bevfusion.demo.calibration import HEIGHT_PX, WIDTH_PX, sample_calibration
from bevfusion.demo.solids import CORNERS


@pytest.fixture
def calibration():
    return sample_calibration(default_rng(3))


def matrices(text: str) -> dict[str, np.ndarray]:
    rows = (line.split(":") for line in text.splitlines())
    return {name: np.array(values.split(), float) for name, values in rows}


def test_file_rows_are_kittis_and_give_the_same_projection(calibration):
    found = matrices(calibration.as_text())
    assert list(found) == ["P0", "P1", "P2", "P3", "R0_rect", "Tr_velo_to_cam", "Tr_imu_to_velo"]
    point = np.array([12.0, -3, -1, 1])
    rectified = found["R0_rect"].reshape(3, 3) @ found["Tr_velo_to_cam"].reshape(3, 4) @ point
    expected = found["P2"].reshape(3, 4) @ np.append(rectified, 1)
    assert calibration.project(point[:3]) == pytest.approx(expected, rel=1e-9)


def test_rotations_are_rigid_and_not_a_mere_swap_of_axes(calibration):
    turn = calibration.lidar_to_rectified[:, :3]
    assert turn @ turn.T == pytest.approx(np.eye(3), abs=1e-12)
    tilt_rad = np.arccos(-turn[1, 2])
    assert 0.002 < tilt_rad < 0.04


def test_point_on_the_ray_of_a_pixel_projects_onto_it(calibration):
    origin, directions = calibration.pixel_rays(1)
    spot = origin + 17 * directions[:, 200, 650]
    u, v, depth = calibration.project(spot)
    assert (u / depth, v / depth, depth) == pytest.approx((650, 200, 17), abs=1e-3)


def test_ray_of_a_patch_passes_through_its_middle(calibration):
    origin, directions = calibration.pixel_rays(2)
    assert directions.shape == (3, HEIGHT_PX // 2, WIDTH_PX // 2)
    u, v, depth = calibration.project(origin + 5 * directions[:, 10, 20])
    assert (u / depth, v / depth) == pytest.approx((40.5, 20.5), abs=1e-3)


def test_bounds_of_a_box_ahead_enclose_its_projected_corners(calibration):
    corners = np.float32((15, 1, 0)) + CORNERS
    u, v, depth = calibration.project(corners).T
    expected = [(u / depth).min(), (v / depth).min(), (u / depth).max(), (v / depth).max()]
    assert calibration.image_bounds(corners[None])[0] == pytest.approx(expected)


def test_bounds_of_a_box_behind_are_empty(calibration):
    left, _, right, _ = calibration.image_bounds((np.float32((-15, 1, 0)) + CORNERS)[None])[0]
    assert left > right


def test_wall_passing_the_camera_is_cut_instead_of_wrapped(calibration):
    wall = np.float32((0, 6, 0)) + CORNERS * np.float32((30, 1, 2))
    left, top, right, bottom = calibration.image_bounds(wall[None])[0]
    u, _, depth = calibration.project(np.float32((30, 5, 0)))
    assert left < 0
    assert right == pytest.approx(u / depth, abs=3)
    assert top < 0 < HEIGHT_PX < bottom


def test_points_behind_or_beside_are_not_in_the_image(calibration):
    points = np.array([[10, 0, 0], [-10, 0, 0], [10, 9, 0], [10, 0, 6]], np.float32)
    assert calibration.is_in_image(points).tolist() == [True, False, False, False]
