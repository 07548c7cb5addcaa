"""The colour camera: the image, rendered from the solids that the LiDAR meets too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from bevfusion.demo.calibration import HEIGHT_PX, LIDAR_HEIGHT_M, WIDTH_PX, Calibration
from bevfusion.demo.materials import Texture
from bevfusion.demo.raycast import GROUND, Hits, Rays, cast
from bevfusion.demo.snapshot import Snapshot
from bevfusion.demo.solids import surface_normals
from bevfusion.demo.world import Scene

__all__ = ["STEP_PX", "Picture", "photograph", "windows"]

Floats = NDArray[np.float32]
# One ray serves 2 x 2 pixels: a quarter of the time, and the detector's input is smaller still.
STEP_PX = 2
HAZE_M = 220.0
GRAIN = 0.01
# One fixed tile of noise, looked up by position, so that textures stay where they are from frame to frame.
_NOISE = np.random.default_rng(20).random((256, 256), np.float32)


@dataclass(frozen=True)
class Picture:
    """One camera image and what it shows of each of T things.

    Attributes:
        pixels: (HEIGHT_PX, WIDTH_PX, 3) uint8, RGB.
        hits: the cast behind it, one ray per ``STEP_PX`` square.
    """

    pixels: NDArray[np.uint8]
    hits: Hits


def photograph(snapshot: Snapshot, scene: Scene, rng: Generator) -> Picture:
    """Render the image of one moment."""
    rays = Rays(*scene.calibration.pixel_rays(STEP_PX))
    hits = cast(
        rays,
        snapshot.solids,
        owner=snapshot.owner,
        windows=windows(snapshot, scene.calibration, step_px=STEP_PX),
        ground_z_m=-LIDAR_HEIGHT_M,
    )
    colour = _sky(rays.directions.reshape(3, -1), scene)
    is_met = np.flatnonzero(np.isfinite(hits.distance))
    depth, solid = hits.distance.take(is_met), hits.solid.take(is_met)
    spot = _column(rays.origin) + rays.directions.reshape(3, -1).take(is_met, 1) * depth
    is_ground = solid == GROUND
    shaded = np.empty_like(spot)
    shaded[:, is_ground] = _ground(spot[:, is_ground], snapshot, scene)
    shaded[:, ~is_ground] = _surfaces(spot[:, ~is_ground], solid[~is_ground], snapshot, scene)
    clear = np.exp(-depth / HAZE_M)
    colour[:, is_met] = shaded * clear + _column(scene.sky) * (1 - clear)
    grain = rng.normal(0, GRAIN, colour.shape[1]).astype(np.float32)
    levels = ((colour * scene.light[2] + grain).clip(0, 1) * 255).astype(np.uint8)
    small = Image.fromarray(np.ascontiguousarray(levels.reshape(3, *hits.solid.shape).transpose(1, 2, 0)))
    return Picture(np.asarray(small.resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.NEAREST)), hits)


def _column(values: ArrayLike) -> Floats:
    return np.asarray(values, np.float32)[:, None]


def windows(snapshot: Snapshot, calibration: Calibration, *, step_px: int) -> NDArray[np.int64]:
    """Rows and columns ``r0, r1, c0, c1`` (S, 4) of square patches in which each solid may show."""
    left, top, right, bottom = (calibration.image_bounds(snapshot.solids.corners()) / step_px).T
    height, width = HEIGHT_PX // step_px, WIDTH_PX // step_px
    rows = [np.clip(np.floor(top), 0, height), np.clip(np.ceil(bottom) + 1, 0, height)]
    columns = [np.clip(np.floor(left), 0, width), np.clip(np.ceil(right) + 1, 0, width)]
    return np.asarray(np.stack(rows + columns, axis=1), np.int64)


def _noise(a_m: Floats, b_m: Floats, grain_m: float) -> Floats:
    """Value in 0..1 of the noise tile at a place given by two coordinates in metres."""
    rows, columns = (np.floor(value / grain_m).astype(np.int64) & 255 for value in (a_m, b_m))
    return np.asarray(_NOISE[rows, columns])


def _sky(directions: Floats, scene: Scene) -> Floats:
    up = (directions[2] / 0.4).clip(0, 1)
    return np.asarray(_column(scene.sky) * (1 - up * _column((0.2, 0.15, 0.1))))


def _ground(spot: Floats, snapshot: Snapshot, scene: Scene) -> Floats:
    """Asphalt with a middle line, paved walks beside it."""
    x_m, y_m = spot[0] + snapshot.ego.x_m, spot[1] + snapshot.ego.y_m
    on_road = abs(y_m) < scene.road_m
    slabs = 0.48 + 0.04 * ((np.floor(x_m) + np.floor(y_m)) % 2)
    grey = np.where(on_road, 0.3, slabs) + 0.06 * _noise(x_m, y_m, 0.08)
    grey = np.where((abs(y_m - 1.8) < 0.07) & (x_m % 6 < 3), 0.85, grey)
    grey *= scene.light[0] + scene.light[1] * scene.sun[2]
    return np.asarray(grey * _column((1, 1, 0.99)))


def _surfaces(spot: Floats, solid: NDArray[np.int64], snapshot: Snapshot, scene: Scene) -> Floats:
    """Colour times texture times light, which falls from the sky and from the sun."""
    solids = snapshot.solids
    normals = surface_normals(solids, solid, spot)
    x_m, y_m = spot[0] + snapshot.ego.x_m, spot[1] + snapshot.ego.y_m
    along, up = np.where(abs(normals[0]) > 0.7, y_m, x_m), spot[2] + LIDAR_HEIGHT_M
    texture = solids.texture[solid]
    value = 0.94 + 0.12 * _noise(along, up, 0.06)
    is_pane = (along % 2.6 < 1.1) & ((up - 1.0) % 3.0 < 1.4) & (up > 1)
    value = np.where((texture == Texture.WINDOWS) & is_pane, 0.45, value)
    value = np.where(texture == Texture.LEAVES, 0.6 + 0.7 * _noise(along, up, 0.15), value)
    lambert = (normals * _column(scene.sun)).sum(0).clip(0)
    ambient = scene.light[0] * (0.85 + 0.15 * normals[2])
    return np.asarray(solids.colour.T.take(solid, 1) * value * (ambient + scene.light[1] * lambert))
