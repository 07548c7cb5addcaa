import colorsys

import numpy as np
import pytest
from numpy.random import default_rng

from bevfusion.demo.materials import clothes, skin, statue
from bevfusion.demo.scenery import sample_scene
from bevfusion.demo.world import FRAME_INTERVAL_S, Kind


def figures(moments, kind):
    """Range (m), LiDAR points, mean intensity and box size of each figure that is fully visible."""
    rows = []
    for moment in moments:
        snapshot, sweep, hits = moment.snapshot, moment.sweep, moment.picture.hits
        for index in np.flatnonzero([found is kind for found in snapshot.kinds]):
            mine = sweep.owner == index
            if mine.any() and hits.visible[index] > 0.9 * hits.silhouette[index]:
                range_m = np.hypot(*snapshot.centres[index, :2])
                rows.append((range_m, mine.sum(), sweep.points[mine, 3].mean(), *snapshot.sizes[index]))
    return np.array(rows)


def test_lidar_sees_decoys_as_it_sees_persons(moments):
    persons, decoys = figures(moments, Kind.PERSON), figures(moments, Kind.DECOY)
    # Points fall with the square of the range; their product does not depend on it.
    effort = [np.median(found[:, 0] ** 2 * found[:, 1]) for found in (persons, decoys)]
    assert effort[1] == pytest.approx(effort[0], rel=0.15)
    assert decoys[:, 2].mean() == pytest.approx(persons[:, 2].mean(), abs=0.05)
    assert decoys[:, 3:].mean(0) == pytest.approx(persons[:, 3:].mean(0), abs=0.06)
    assert decoys[:, 3:].std(0) == pytest.approx(persons[:, 3:].std(0), abs=0.06)


def test_there_are_about_as_many_decoys_as_persons_in_reach(moments):
    near = [
        (found[:, 0] < 34).sum() for found in (figures(moments, Kind.PERSON), figures(moments, Kind.DECOY))
    ]
    assert 0.7 < near[1] / near[0] < 1.4


def test_image_tells_persons_from_decoys_by_saturation(moments):
    saturation = {Kind.PERSON: [], Kind.DECOY: []}
    for moment in moments:
        snapshot, hits = moment.snapshot, moment.picture.hits
        pixels = moment.picture.pixels[::2, ::2].astype(float)
        colourful = 1 - pixels.min(2) / pixels.max(2).clip(1)
        owner = np.where(hits.solid >= 0, snapshot.owner[hits.solid], -1)
        for index, kind in enumerate(snapshot.kinds):
            if kind in saturation and (owner == index).sum() > 20:
                saturation[kind].append(colourful[owner == index].mean())
    assert min(saturation[Kind.PERSON]) > 0.3
    assert max(saturation[Kind.DECOY]) < 0.2


def test_reflectance_of_people_and_statues_has_one_distribution():
    rng = default_rng(0)
    living = [part.reflectance for _ in range(400) for part in (*clothes(rng), skin(rng))]
    stone = [part.reflectance for _ in range(400) for part in statue(rng)]
    shares = np.linspace(0.1, 0.9, 9)
    assert np.quantile(living, shares) == pytest.approx(np.quantile(stone, shares), abs=0.03)


def test_clothes_are_warm_and_of_two_hues_while_stone_is_not():
    rng = default_rng(0)
    for _ in range(50):
        top, trousers = (colorsys.rgb_to_hsv(*part.colour) for part in clothes(rng))
        apart = abs(top[0] - trousers[0])
        assert min(apart, 1 - apart) > 0.03
        assert min(top[1], trousers[1]) > 0.6
        red, _, blue = statue(rng)[0].colour
        assert red <= blue + 0.15


def test_nobody_walks_into_the_ego_car():
    for seed in range(15):
        scene = sample_scene(default_rng(seed), 10)
        for frame in range(10):
            ego = scene.ego(frame)
            for actor in scene.actors:
                if actor.kind is not Kind.CLUTTER:
                    pose = actor.pose(frame).seen_from(ego)
                    assert abs(pose.y_m) > 1.5 or pose.x_m > 3 or pose.x_m < -3


def test_street_stands_still_while_persons_walk():
    scene = sample_scene(default_rng(2), 10)
    moving = {actor.kind for actor in scene.actors if actor.speed_mps}
    assert Kind.PERSON in moving
    assert not moving & {Kind.DECOY, Kind.CLUTTER, Kind.CAR}
    assert scene.ego(9).x_m == pytest.approx(9 * FRAME_INTERVAL_S * scene.ego_speed_mps)


def test_street_without_persons_keeps_its_decoys():
    kinds = {actor.kind for actor in sample_scene(default_rng(0), 10, has_persons=False).actors}
    assert Kind.PERSON not in kinds
    assert Kind.DECOY in kinds
