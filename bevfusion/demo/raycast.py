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
        solid: (H, W) int, index of the solid, or ``GROUND`` (also where nothing is met).
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
        solids: S solids in the LiDAR frame, those of a thing behind one another.
        owner: (S,) thing that each solid belongs to, ascending.
        windows: (S, 4) rows and columns ``r0, r1, c0, c1`` of the grid outside of which a solid
            cannot be met; empty where it cannot be met at all.
        ground_z_m: height of the ground plane.
    """
    distance = _ground_distance(rays, ground_z_m)
    shape, width = distance.shape, distance.shape[1]
    distance = distance.ravel()
    index, ray = _candidates(windows, width)
    found = _meet(rays, solids, index, ray)
    np.minimum.at(distance, ray, found)
    is_met = np.isfinite(found)
    index, ray, found = index[is_met], ray[is_met], found[is_met]
    things = int(owner.max()) + 1
    outline = np.zeros((things, len(distance)), bool)
    outline[owner[index], ray] = True
    is_first = found == distance[ray]
    solid = np.full(len(distance), GROUND, np.int64)
    solid[ray[is_first]] = index[is_first]
    visible = np.bincount(owner[solid[solid != GROUND]], minlength=things)
    return Hits(distance.reshape(shape), solid.reshape(shape), outline.sum(1), visible)


def _candidates(windows: NDArray[np.int64], width: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All pairs of a solid and a ray (flat index) inside its window, solid by solid."""
    top, _, left, _ = windows.T
    high, wide = (windows[:, 1::2] - windows[:, ::2]).clip(0).T
    area = high * wide
    index = np.repeat(np.arange(len(windows)), area)
    place = np.arange(len(index)) - np.repeat(np.cumsum(area) - area, area)
    row, column = np.divmod(place, wide[index])
    return index, (top[index] + row) * width + left[index] + column


def _meet(rays: Rays, solids: Solids, index: NDArray[np.int64], ray: NDArray[np.int64]) -> Floats:
    """Distance (P,) at which each ray enters the solid it is paired with."""
    inverse = np.linalg.inv(solids.axes)
    start = np.einsum("sij,sj->is", inverse, rays.origin - solids.centre)
    turn = inverse.transpose(1, 2, 0)
    directions = rays.directions.reshape(3, -1)
    found = np.empty(len(index), np.float32)
    for round_axes in np.unique(solids.round_axes).tolist():
        alike = np.flatnonzero(solids.round_axes[index] == round_axes)
        which = index[alike]
        # take() keeps the long axis last in memory, which indexing would not.
        local = np.einsum("ijp,jp->ip", turn.take(which, 2), directions.take(ray[alike], 1))
        found[alike] = entry_distance(start.take(which, 1), local, round_axes)
    return found


def _ground_distance(rays: Rays, ground_z_m: float) -> Floats:
    slope = rays.directions[2]
    with np.errstate(divide="ignore"):
        reach = (np.float32(ground_z_m) - rays.origin[2]) / slope
    return np.where(slope < 0, reach, np.float32(np.inf))
