import numpy as np
import pytest

from bevfusion.demo.materials import Surface
from bevfusion.demo.solids import (
    Pose,
    Solids,
    box,
    ellipsoid,
    entry_distance,
    limb,
    surface_normals,
    upright,
)

GREY = Surface((0.5, 0.5, 0.5), 0.3)


def distance(
    solid: Solids, origin: tuple[float, float, float], direction: tuple[float, float, float]
) -> float:
    inverse = np.linalg.inv(solid.axes[0])
    start = inverse @ (np.float32(origin) - solid.centre[0])
    ahead = inverse @ np.float32(direction)
    return float(entry_distance(start[:, None], ahead[:, None], int(solid.round_axes[0]))[0])


@pytest.mark.parametrize(
    ("solid", "expected_m"),
    [
        (box((10, 0, 0), (2, 2, 2), GREY), 9.0),
        (limb((10, 0, -1), (10, 0, 1), (0.5, 0.5), GREY), 9.5),
        (limb((9, 0, 0), (11, 0, 0), (0.5, 0.5), GREY), 9.0),
        (ellipsoid((10, 0, 0), (3, 1, 1), GREY), 7.0),
        (box((10, 0, 5), (2, 2, 2), GREY), np.inf),
        (box((-10, 0, 0), (2, 2, 2), GREY), np.inf),
        (ellipsoid((0, 0, 0), (1, 1, 1), GREY), np.inf),
    ],
    ids=["box", "upright cylinder", "cylinder end", "ellipsoid", "above", "behind", "from inside"],
)
def test_ray_along_x_enters_where_worked_out_by_hand(solid, expected_m):
    assert distance(solid, (0, 0, 0), (1, 0, 0)) == pytest.approx(expected_m)


def test_slanted_ray_meets_cylinder_on_its_cap():
    post = limb((0, 0, 0), (0, 0, 1), (1, 1), GREY)
    # From height 2 downwards at 45 degrees, the cap at height 1 is reached after one unit, at x = -0.5.
    assert distance(post, (-1.5, 0, 2), (1, 0, -1)) == pytest.approx(1.0)


def test_ray_length_is_counted_in_multiples_of_its_direction():
    assert distance(box((10, 0, 0), (2, 2, 2), GREY), (0, 0, 0), (3, 0, 0)) == pytest.approx(3.0)


def test_normals_point_outwards_on_face_cap_mantle_and_ellipsoid():
    solids = Solids.joined(
        [
            box((0, 0, 0), (2, 4, 6), GREY),
            upright(0, 2, 1, GREY),
            upright(0, 2, 1, GREY),
            ellipsoid((0, 0, 0), (2, 1, 1), GREY),
        ]
    )
    points = np.array([[0.2, -2, 1], [0.3, 0.1, 2], [0, 1, 1.3], [-2, 0, 0]], np.float32)
    normals = surface_normals(solids, np.arange(4), points.T)
    assert pytest.approx(np.array([[0, -1, 0], [0, 0, 1], [0, 1, 0], [-1, 0, 0]]), abs=1e-6) == normals.T


def test_bounds_of_a_tilted_cylinder_are_exact():
    lower, upper = limb((0, 0, 0), (3, 0, 4), (0.5, 0.5), GREY).bounds()
    # The discs at the ends are tilted by the slope 3:4, so they reach 0.8 and 0.6 of the radius.
    assert lower[0] == pytest.approx([-0.4, -0.5, -0.3])
    assert upper[0] == pytest.approx([3.4, 0.5, 4.3])


def test_pose_seen_from_a_turned_car():
    seen = Pose(3, 5, np.pi).seen_from(Pose(3, 1, np.pi / 2))
    assert (seen.x_m, seen.y_m, seen.yaw_rad) == pytest.approx((4, 0, np.pi / 2))
