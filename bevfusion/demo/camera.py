"""The colour camera: the image, rendered from the solids that the LiDAR meets too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image

from bevfusion.demo.calibration import HEIGHT_PX, LIDAR_HEIGHT_M, WIDTH_PX, Calibration
from bevfusion.demo.materials import Texture
from bevfusion.demo.raycast import GROUND, Hits, Rays, cast
from bevfusion.demo.snapshot import Snapshot
from bevfusion.demo.solids import surface_normals
from bevfusion.demo.world import Scene

__all__ = ["STEP_PX", "Picture", "photograph"]

Floats = NDArray[np.float32]
# Every second pixel is cast, and the image enlarged: a quarter of the time, and a softness lenses have too.
STEP_PX = 2
HAZE_M = 220.0
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
        windows=_windows(snapshot, scene.calibration),
        ground_z_m=-LIDAR_HEIGHT_M,
    )
    colour = _sky(rays, scene)
    is_met = np.isfinite(hits.distance)
    depth, solid = hits.distance[is_met], hits.solid[is_met]
    spot = rays.origin + rays.directions[:, is_met].T * depth[:, None]
    ground = solid == GROUND
    shaded = np.empty((len(solid), 3), np.float32)
    shaded[ground] = _ground(spot[ground], snapshot, scene)
    shaded[~ground] = _surfaces(spot[~ground], solid[~ground], snapshot, scene)
    clear = np.exp(-depth / HAZE_M)[:, None]
    colour[is_met] = shaded * clear + np.array(scene.sky, np.float32) * (1 - clear)
    grain = rng.normal(0, 0.012, colour.shape[:2]).astype(np.float32)
    colour = colour * np.float32(scene.light[2]) + grain[..., None]
    small = Image.fromarray((colour.clip(0, 1) * 255).astype(np.uint8))
    return Picture(np.asarray(small.resize((WIDTH_PX, HEIGHT_PX), Image.Resampling.BICUBIC)), hits)


def _windows(snapshot: Snapshot, calibration: Calibration) -> NDArray[np.int64]:
    left, top, right, bottom = (calibration.image_bounds(snapshot.solids.corners()) / STEP_PX).T
    height, width = HEIGHT_PX // STEP_PX, WIDTH_PX // STEP_PX
    rows = [np.clip(np.floor(top), 0, height), np.clip(np.ceil(bottom) + 1, 0, height)]
    columns = [np.clip(np.floor(left), 0, width), np.clip(np.ceil(right) + 1, 0, width)]
    return np.asarray(np.stack(rows + columns, axis=1), np.int64)


def _noise(a_m: Floats, b_m: Floats, grain_m: float) -> Floats:
    """Value in 0..1 of the noise tile at a place given by two coordinates in metres."""
    rows, columns = (np.floor(value / grain_m).astype(np.int64) & 255 for value in (a_m, b_m))
    return np.asarray(_NOISE[rows, columns])


def _sky(rays: Rays, scene: Scene) -> Floats:
    up = rays.directions[2].clip(0, 0.4)[..., None] / 0.4
    low = np.array(scene.sky, np.float32)
    return np.asarray(low * (1 - up) + low * np.array([0.75, 0.85, 1], np.float32) * up)


def _ground(spot: Floats, snapshot: Snapshot, scene: Scene) -> Floats:
    """Asphalt with a middle line, paved walks beside it, and a soft shade under every thing."""
    x_m, y_m = spot[:, 0] + snapshot.ego.x_m, spot[:, 1] + snapshot.ego.y_m
    is_road = abs(y_m) < scene.road_m
    grey = np.where(is_road, 0.3, 0.5) + 0.06 * (_noise(x_m, y_m, 0.08) - 0.5)
    grey += np.where(is_road, 0, 0.04 * ((np.floor(x_m) + np.floor(y_m)) % 2))
    grey = np.where((abs(y_m - 1.8) < 0.07) & (x_m % 6 < 3), 0.85, grey)
    grey *= scene.light[0] + scene.light[1] * scene.sun[2]
    return np.asarray(grey[:, None] * (1, 0.99, 0.97), np.float32)


def _surfaces(spot: Floats, solid: NDArray[np.int64], snapshot: Snapshot, scene: Scene) -> Floats:
    solids = snapshot.solids
    normals = surface_normals(solids, solid, spot)
    world = spot + np.array([snapshot.ego.x_m, snapshot.ego.y_m, LIDAR_HEIGHT_M], np.float32)
    along = np.where(abs(normals[:, 0]) > 0.7, world[:, 1], world[:, 0])
    texture = solids.texture[solid]
    value = 0.94 + 0.12 * _noise(along, world[:, 2], 0.06)
    pane = (along % 2.6 < 1.1) & ((world[:, 2] - 1.0) % 3.0 < 1.4) & (world[:, 2] > 1)
    value = np.where((texture == Texture.WINDOWS) & pane, 0.45, value)
    value = np.where(texture == Texture.LEAVES, 0.6 + 0.7 * _noise(along, world[:, 2], 0.15), value)
    lambert = (normals @ np.array(scene.sun, np.float32)).clip(0)
    ambient = scene.light[0] * (0.85 + 0.15 * normals[:, 2])
    return np.asarray(
        solids.colour[solid] * (value * (ambient + scene.light[1] * lambert))[:, None], np.float32
    )
