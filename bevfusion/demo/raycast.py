"""Ray casting of a whole sensor: what each ray meets first, and how much of each thing is hidden."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bevfusion.demo.solids import Solids, entry_distance

__all__ = ["GROUND", "Hits", "Rays", "cast"]

Floats = NDArray[np.float32]
GROUND = -1


@dataclass(frozen=True)
class Rays:
    """A sensor as a grid of rays in the LiDAR frame; H rows, W columns.

    Attributes:
        origin: (3,) float32, metres.
        directions: (3, H, W) float32; distances are multiples of their length.
    """

    origin: Floats
    directions: Floats


@dataclass(frozen=True)
class Hits:
    """First surface met by each ray of an (H, W) grid, T things.

    Attributes:
        distance: (H, W) float32, ``inf`` where a ray meets nothing.
        solid: (H, W) int32, index of the solid, or ``GROUND`` (also where nothing is met).
        silhouette: (T,) int, rays that would meet the thing if it stood alone.
        visible: (T,) int, rays that meet the thing first.
    """

    distance: Floats
    solid: NDArray[np.int64]
    silhouette: NDArray[np.int64]
    visible: NDArray[np.int64]


def cast(
    rays: Rays, solids: Solids, *, owner: NDArray[np.int64], windows: NDArray[np.int64], ground_z_m: float
) -> Hits:
    """Find the first surface on every ray.

    Args:
        rays: the sensor.
        solids: S solids in the LiDAR frame, those of one thing behind one another.
        owner: (S,) thing that each solid belongs to, ascending.
        windows: (S, 4) rows and columns ``r0, r1, c0, c1`` of the grid outside of which a solid
            cannot be met; empty where it cannot be met at all.
        ground_z_m: height of the ground plane.
    """
    distance = _ground_distance(rays, ground_z_m)
    solid = np.full(distance.shape, GROUND, np.int64)
    inverse = np.linalg.inv(solids.axes)
    start = np.einsum("sij,sj->si", inverse, rays.origin - solids.centre)
    things = int(owner.max()) + 1 if len(owner) else 0
    silhouette = np.zeros(things, np.int64)
    outline = np.full(distance.shape, GROUND, np.int64)
    for index in range(len(solids)):
        r0, r1, c0, c1 = windows[index]
        if r0 >= r1 or c0 >= c1:
            continue
        part = np.s_[r0:r1, c0:c1]
        local = np.einsum("ij,jp->ip", inverse[index], rays.directions[:, r0:r1, c0:c1].reshape(3, -1))
        found = entry_distance(start[index], local, int(solids.round_axes[index])).reshape(r1 - r0, c1 - c0)
        fresh = np.isfinite(found) & (outline[part] != owner[index])
        silhouette[owner[index]] += int(fresh.sum())
        outline[part][fresh] = owner[index]
        nearer = found < distance[part]
        distance[part][nearer] = found[nearer]
        solid[part][nearer] = index
    met = solid[solid != GROUND]
    visible = np.bincount(owner[met], minlength=things)
    return Hits(distance, solid, silhouette, visible)


def _ground_distance(rays: Rays, ground_z_m: float) -> Floats:
    slope = rays.directions[2]
    with np.errstate(divide="ignore"):
        reach = (np.float32(ground_z_m) - rays.origin[2]) / slope
    return np.where(slope < 0, reach, np.float32(np.inf))
