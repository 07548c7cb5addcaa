"""A spinning LiDAR: which points come back, from where, how bright."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from bevfusion.demo.calibration import LIDAR_HEIGHT_M
from bevfusion.demo.raycast import GROUND, Rays, cast
from bevfusion.demo.snapshot import Snapshot
from bevfusion.demo.solids import surface_normals

__all__ = ["Sweep", "directions", "scan", "windows"]

# Like the HDL-64: beams stand closer above than below, where the ground is near.
ELEVATIONS_RAD = np.radians(np.concatenate([np.linspace(2.2, -8.6, 34), np.linspace(-9.4, -22.9, 14)]))
AZIMUTH_STEP_RAD = np.radians(0.36)
HALF_VIEW_RAD = np.radians(50)
MAX_RANGE_M = 72.0
RANGE_NOISE_M = 0.015
ROAD_REFLECTANCE = 0.18


@dataclass(frozen=True)
class Sweep:
    """What one turn of the LiDAR brings back.

    Attributes:
        points: (P, 4) float32, x, y, z in metres (LiDAR frame) and intensity in 0..1.
        owner: (P,) int, the thing of the snapshot that each point lies on, ``GROUND`` on the ground.
    """

    points: NDArray[np.float32]
    owner: NDArray[np.int64]


def scan(snapshot: Snapshot, rng: Generator) -> Sweep:
    """Cast every beam of one turn, with range noise, drop-out at range and at grazing incidence."""
    azimuths = np.arange(HALF_VIEW_RAD, -HALF_VIEW_RAD, -AZIMUTH_STEP_RAD) + rng.uniform(0, AZIMUTH_STEP_RAD)
    rays = Rays(np.zeros(3, np.float32), directions(azimuths))
    hits = cast(
        rays,
        snapshot.solids,
        owner=snapshot.owner,
        windows=windows(snapshot.solids.corners(), azimuths),
        ground_z_m=-LIDAR_HEIGHT_M,
    )
    is_met = np.flatnonzero(hits.distance < MAX_RANGE_M)
    range_m, solid = hits.distance.take(is_met), hits.solid.take(is_met)
    ahead = rays.directions.reshape(3, -1).take(is_met, 1)
    on_ground = solid == GROUND
    normals = surface_normals(snapshot.solids, np.where(on_ground, 0, solid), ahead * range_m)
    incidence = abs(np.where(on_ground, ahead[2], (normals * ahead).sum(0)))
    reflectance = np.where(on_ground, ROAD_REFLECTANCE, snapshot.solids.reflectance[solid])
    echo = reflectance * np.sqrt(incidence)
    is_back = rng.random(len(echo)) < 0.97 * (1 - np.exp(-echo * (110 / np.maximum(range_m, 8)) ** 1.5))
    noisy_m = range_m + rng.normal(0, RANGE_NOISE_M, len(range_m))
    intensity = np.clip(echo * rng.uniform(0.85, 1.15, len(echo)), 0, 0.99).round(2)
    points = np.stack([*(ahead * noisy_m), intensity], axis=1)[is_back]
    owner = np.where(on_ground, GROUND, snapshot.owner[solid])[is_back]
    return Sweep(points.astype(np.float32), owner)


def directions(azimuths: NDArray[np.float64]) -> NDArray[np.float32]:
    """Unit vectors (3, beams, A) of all beams at the azimuths (A,), radians to the left of ``x``."""
    up, around = np.meshgrid(ELEVATIONS_RAD, azimuths, indexing="ij")
    flat = np.cos(up)
    return np.asarray(np.stack([flat * np.cos(around), flat * np.sin(around), np.sin(up)]), np.float32)


def windows(corners: NDArray[np.float32], azimuths: NDArray[np.float64]) -> NDArray[np.int64]:
    """Rows and columns ``r0, r1, c0, c1`` (S, 4) in which a beam may meet each solid.

    Columns lie between the extreme corners; heights are not extreme at corners, so all rows are taken.

    Args:
        corners: (S, 8, 3) LiDAR frame.
        azimuths: (A,) falling, radians to the left of ``x``.
    """
    bearing = np.arctan2(corners[..., 1], corners[..., 0])
    # The columns go from left to right, so bearings fall.
    first = np.searchsorted(-azimuths, -bearing.max(1))
    last = np.searchsorted(-azimuths, -bearing.min(1), side="right")
    # A solid behind the sensor straddles the seam of the bearings: every column may meet it.
    is_split = np.ptp(bearing, axis=1) > np.pi
    is_behind = (corners[..., 0] < 0).all(1)
    first = np.where(is_split, 0, first)
    last = np.where(is_behind, 0, np.where(is_split, len(azimuths), last))
    rows = np.full_like(first, len(ELEVATIONS_RAD))
    return np.stack([np.zeros_like(first), rows, first, last], axis=1)
