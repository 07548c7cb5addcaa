from dataclasses import replace

import numpy as np
import pytest
from numpy.random import default_rng

from bevfusion.demo.calibration import HEIGHT_PX, WIDTH_PX, sample_calibration
from bevfusion.demo.camera import STEP_PX, photograph
from bevfusion.demo.labels import Label, annotate
from bevfusion.demo.lidar import scan
from bevfusion.demo.materials import Surface, clothes, skin, statue
from bevfusion.demo.people import Build, walking
from bevfusion.demo.snapshot import take_snapshot
from bevfusion.demo.solids import Pose, box
from bevfusion.demo.world import Actor, Kind, Scene

BODY = Build(height_m=1.8, shoulder_m=0.19, limb_m=0.075, step_m=0.3, stoop_m=0.14)
GREY = Surface((0.5, 0.5, 0.5), 0.3)


def person(x_m: float, y_m: float, yaw_rad: float = 0.0, kind: Kind = Kind.PERSON) -> Actor:
    rng = default_rng(0)
    look = statue(rng) if kind is Kind.DECOY else (*clothes(rng), skin(rng))
    return Actor(kind, Pose(x_m, y_m, yaw_rad), (walking(BODY, 1.0, *look),))


def screen(x_m: float, y_m: float, width_m: float, height_m: float) -> Actor:
    return Actor(Kind.CLUTTER, Pose(x_m, y_m), (box((0, 0, height_m / 2), (0.1, width_m, height_m), GREY),))


def label(*actors: Actor) -> list[Label]:
    calibration = sample_calibration(default_rng(0))
    scene = Scene(actors, calibration, 0.0, 4.0, (0, 0, 1), (0.6, 0.4, 1.0), (0.8, 0.8, 0.9))
    snapshot = take_snapshot(scene, 0)
    rng = default_rng(0)
    hits = photograph(snapshot, scene, rng).hits
    return annotate(snapshot, calibration, hits, scan(snapshot, rng))


@pytest.mark.parametrize(
    ("screen_height_m", "occluded"),
    [(0.3, 0), (0.8, 1), (1.2, 2), (1.55, 3)],
    ids=["feet", "legs", "waist", "all but head"],
)
def test_occlusion_follows_what_a_screen_leaves_to_see(screen_height_m, occluded):
    (found,) = label(person(10, 0), screen(9, 0, 2, screen_height_m))
    assert found.occluded == occluded


def test_person_in_front_is_free_and_the_one_behind_is_not():
    front, back = label(person(8, 0, np.pi / 2), person(9, 0.1, np.pi / 2))
    assert front.occluded == 0
    assert back.occluded >= 1


def test_wholly_hidden_person_has_no_label():
    assert label(person(10, 0), screen(9, 0, 3, 3)) == []


def test_decoy_and_clutter_have_no_label():
    assert label(person(10, 1, kind=Kind.DECOY), screen(12, -1, 1, 1)) == []


def test_far_person_is_a_region_nobody_is_judged_in():
    near, far = label(person(52, 1), person(10, 2))
    assert (near.name, far.name) == ("Pedestrian", "DontCare")
    fields = far.as_text().split()
    assert fields[:4] == ["DontCare", "-1", "-1", "-10"]
    assert fields[8:] == ["-1", "-1", "-1", "-1000", "-1000", "-1000", "-10"]


def test_box_across_the_border_is_clipped_and_its_share_outside_stated():
    (found,) = label(person(5, 3.1))
    left, top, right, bottom = found.box_2d
    assert left == 0
    assert 0 < right < WIDTH_PX - 1
    assert 0 <= top < bottom <= HEIGHT_PX - 1
    # The axis of the body projects near the border, so about half of the box is lost.
    assert 0.2 < found.truncated < 0.8


def test_location_is_the_foot_point_in_the_camera_frame():
    (found,) = label(person(12, 2))
    assert found.location == pytest.approx((-2, 1.65, 11.73), abs=0.2)
    assert found.size[0] == pytest.approx(1.83, abs=1e-3)


@pytest.mark.parametrize("yaw_rad", [0.0, 1.0, 2.5, -1.2, -3.0])
def test_rotation_turns_with_the_heading_and_alpha_removes_the_bearing(yaw_rad):
    (found,) = label(person(10, -3, yaw_rad))
    turned = (found.rotation_y + yaw_rad + np.pi / 2 + np.pi) % (2 * np.pi) - np.pi
    assert turned == pytest.approx(0, abs=0.03)
    bearing = np.arctan2(found.location[0], found.location[2])
    assert np.cos(found.alpha - found.rotation_y + bearing) == pytest.approx(1)
    assert -np.pi < found.alpha <= np.pi


def test_row_has_fifteen_columns_with_height_width_length_first():
    row = Label("Pedestrian", 0.25, 1, (1, 2, 3, 4), (1.8, 0.6, 0.7), (1, 1.65, 10), 0.5).as_text()
    assert row == "Pedestrian 0.25 1 0.40 1.00 2.00 3.00 4.00 1.80 0.60 0.70 1.00 1.65 10.00 0.50"


def test_boxes_hold_the_points_of_their_person(moments):
    inside = total = 0
    for moment in moments:
        snapshot, sweep = moment.snapshot, moment.sweep
        for index in np.flatnonzero([kind is Kind.PERSON for kind in snapshot.kinds]):
            offset = sweep.points[sweep.owner == index, :3] - snapshot.centres[index]
            yaw = snapshot.headings[index]
            along = offset @ (np.cos(yaw), np.sin(yaw), 0)
            across = offset @ (-np.sin(yaw), np.cos(yaw), 0)
            local = np.stack([along, across, offset[:, 2]], axis=1)
            inside += int((abs(local) <= snapshot.sizes[index] / 2).all(1).sum())
            total += len(offset)
    assert total > 3000
    assert inside / total > 0.99


def test_2d_boxes_hold_the_pixels_of_their_person(moments):
    for moment in moments:
        snapshot, hits = moment.snapshot, moment.picture.hits
        bounds = moment.scene.calibration.image_bounds(snapshot.corners()) / STEP_PX
        owner = np.where(hits.solid >= 0, snapshot.owner[hits.solid], -1)
        for index in np.flatnonzero([kind is Kind.PERSON for kind in snapshot.kinds]):
            rows, columns = np.nonzero(owner == index)
            left, top, right, bottom = bounds[index]
            assert ((columns >= left - 1) & (columns <= right) & (rows >= top - 1) & (rows <= bottom)).all()


def test_actor_that_walks_is_labelled_where_it_has_got_to():
    walker = replace(person(10, 0, np.pi / 2), speed_mps=1.5)
    assert (walker.pose(4).x_m, walker.pose(4).y_m) == pytest.approx((10, 1.2))
