import numpy as np
import pytest
from numpy.random import default_rng

from bevfusion.demo import camera, lidar
from bevfusion.demo.materials import Surface
from bevfusion.demo.raycast import GROUND, Rays, cast
from bevfusion.demo.scenery import sample_scene
from bevfusion.demo.snapshot import take_snapshot
from bevfusion.demo.solids import Solids, box

DEEP_M = -50.0
GREY = Surface((0.5, 0.5, 0.5), 0.3)


def pinhole() -> Rays:
    """Nine rows and nine columns, one ray per 0.1 of slope, looking along x from the origin."""
    left, up = np.meshgrid(np.linspace(0.4, -0.4, 9), np.linspace(0.4, -0.4, 9))
    return Rays(np.zeros(3, np.float32), np.stack([np.ones_like(left), left, up]).astype(np.float32))


def everywhere(count: int, rays: Rays) -> np.ndarray:
    rows, columns = rays.directions.shape[1:]
    return np.tile([0, rows, 0, columns], (count, 1))


def test_nearer_box_hides_the_columns_it_covers():
    # At 10 m the far box covers |y| <= 2.1: five columns by five rows; the near one at 5 m y in [0.4, 1.1].
    far, near = box((10.5, 0, 0), (1, 4.2, 4.2), GREY), box((5.5, 0.75, 0), (1, 0.7, 4.2), GREY)
    rays = pinhole()
    hits = cast(
        rays,
        Solids.joined([far, near]),
        owner=np.array([0, 1]),
        windows=everywhere(2, rays),
        ground_z_m=DEEP_M,
    )
    assert hits.silhouette.tolist() == [25, 18]
    assert hits.visible.tolist() == [15, 18]
    assert hits.distance[4, 4] == pytest.approx(10)
    assert hits.solid[4, 2] == 1


def test_two_parts_of_one_thing_count_its_rays_once():
    rays = pinhole()
    parts = [box((10.5, 0, 0), (1, 4.2, 4.2), GREY), box((9.5, 0, 0), (0.5, 0.4, 0.4), GREY)]
    hits = cast(
        rays, Solids.joined(parts), owner=np.array([0, 0]), windows=everywhere(2, rays), ground_z_m=DEEP_M
    )
    assert (hits.silhouette.tolist(), hits.visible.tolist()) == ([25], [25])


def test_ground_is_met_below_the_horizon_and_nothing_above():
    rays = pinhole()
    aside = box((0, 50, 0), (1, 1, 1), GREY)
    hits = cast(rays, aside, owner=np.array([0]), windows=everywhere(1, rays), ground_z_m=-1.73)
    assert hits.distance[8, 4] == pytest.approx(1.73 / 0.4)
    assert np.isinf(hits.distance[:5]).all()
    assert (hits.solid == GROUND).all()


@pytest.mark.parametrize("sensor", ["lidar", "camera"])
def test_windows_lose_no_ray(sensor):
    scene = sample_scene(default_rng(5), 4)
    snapshot = take_snapshot(scene, 2)
    if sensor == "camera":
        rays = Rays(*scene.calibration.pixel_rays(8))
        windows = camera.windows(snapshot, scene.calibration, step_px=8)
    else:
        azimuths = np.arange(0.8, -0.8, -0.02)
        rays = Rays(np.zeros(3, np.float32), lidar.directions(azimuths))
        windows = lidar.windows(snapshot.solids.corners(), azimuths)
    sight = {"owner": snapshot.owner, "ground_z_m": -1.73}
    quick = cast(rays, snapshot.solids, windows=windows, **sight)
    thorough = cast(rays, snapshot.solids, windows=everywhere(len(snapshot.solids), rays), **sight)
    assert np.array_equal(quick.distance, thorough.distance)
    assert np.array_equal(quick.silhouette, thorough.silhouette)
    assert (windows[:, 1::2] - windows[:, ::2]).clip(0).prod(1).sum() < 0.2 * len(
        snapshot.solids
    ) * rays.directions[0].size
