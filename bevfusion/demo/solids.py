"""Convex solids as affine images of three unit shapes, and where rays enter them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bevfusion.demo.materials import Surface

__all__ = ["Pose", "Solids", "box", "ellipsoid", "entry_distance", "limb", "surface_normals", "upright"]

Floats = NDArray[np.float32]
CORNERS = np.array(list(itertools.product((-1, 1), repeat=3)), np.float32)


@dataclass(frozen=True)
class Pose:
    """Where a thing stands: a point of the ground plane in metres and a heading about ``z`` in radians."""

    x_m: float
    y_m: float
    yaw_rad: float = 0.0

    def seen_from(self, ego: Pose) -> Pose:
        """Express this pose in the frame of another one."""
        dx, dy = self.x_m - ego.x_m, self.y_m - ego.y_m
        cos, sin = np.cos(ego.yaw_rad), np.sin(ego.yaw_rad)
        return Pose(float(cos * dx + sin * dy), float(cos * dy - sin * dx), self.yaw_rad - ego.yaw_rad)

    def moved(self, distance_m: float) -> Pose:
        """Go straight ahead along the heading."""
        return Pose(
            self.x_m + distance_m * float(np.cos(self.yaw_rad)),
            self.y_m + distance_m * float(np.sin(self.yaw_rad)),
            self.yaw_rad,
        )


@dataclass(frozen=True)
class Solids:
    """A batch of convex shapes, ``p = centre + axes @ u`` for ``u`` in a unit shape; S solids.

    Attributes:
        round_axes: (S,) int, how many of the first unit axes are round: 0 box ``|u_i| <= 1``,
            2 cylinder about the third axis, 3 ellipsoid.
        centre: (S, 3) float32, metres.
        axes: (S, 3, 3) float32, the half axes as columns, metres.
        colour: (S, 3) float32, RGB in 0..1.
        reflectance: (S,) float32 in 0..1.
        texture: (S,) int, a :class:`~bevfusion.demo.materials.Texture`.
    """

    round_axes: NDArray[np.int64]
    centre: Floats
    axes: Floats
    colour: Floats
    reflectance: Floats
    texture: NDArray[np.int64]

    @classmethod
    def joined(cls, parts: Sequence[Solids]) -> Solids:
        """Put several batches behind one another."""
        names = cls.__dataclass_fields__
        return cls(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})

    def __len__(self) -> int:
        return len(self.round_axes)

    def placed(self, turn: Floats, shift: Floats) -> Solids:
        """Turn each solid about the origin by its rotation (S, 3, 3), then shift it by (S, 3) metres."""
        centre = np.einsum("sij,sj->si", turn, self.centre) + shift
        return replace(self, centre=centre, axes=np.einsum("sij,sjk->sik", turn, self.axes))

    def bounds(self) -> tuple[Floats, Floats]:
        """Exact lower and upper corners, (S, 3) each, of the axis-parallel box around each solid."""
        is_round = np.arange(3) < self.round_axes[:, None, None]
        reach = np.sqrt((self.axes**2 * is_round).sum(2)) + (abs(self.axes) * ~is_round).sum(2)
        return self.centre - reach, self.centre + reach

    def corners(self) -> Floats:
        """Corners (S, 8, 3) of the parallelepiped around each solid."""
        return np.asarray(self.centre[:, None] + np.einsum("sij,cj->sci", self.axes, CORNERS))


def _single(round_axes: int, centre: ArrayLike, axes: ArrayLike, surface: Surface) -> Solids:
    return Solids(
        np.array([round_axes]),
        np.asarray(centre, np.float32)[None],
        np.asarray(axes, np.float32)[None],
        np.array([surface.colour], np.float32),
        np.array([surface.reflectance], np.float32),
        np.array([int(surface.texture)]),
    )


def box(centre: ArrayLike, size: ArrayLike, surface: Surface) -> Solids:
    """A box of the given full size (3,) with axis-parallel faces."""
    return _single(0, centre, np.diag(np.asarray(size, np.float32) / 2), surface)


def ellipsoid(centre: ArrayLike, radii: ArrayLike, surface: Surface) -> Solids:
    """An ellipsoid with axis-parallel radii (3,)."""
    return _single(3, centre, np.diag(np.asarray(radii, np.float32)), surface)


def limb(start: ArrayLike, end: ArrayLike, radii: tuple[float, float], surface: Surface) -> Solids:
    """A straight cylinder between two points; ``radii`` across the heading (``y``) and along it."""
    begin, finish = np.asarray(start, np.float64), np.asarray(end, np.float64)
    axis = (finish - begin) / 2
    ahead = axis / np.linalg.norm(axis)
    hint = np.array([1.0, 0, 0] if abs(ahead[1]) > 0.9 else [0, 1.0, 0])
    across: NDArray[np.float64] = hint - ahead * (hint @ ahead)
    side = across / np.linalg.norm(across)
    axes = np.stack([side * radii[0], np.cross(ahead, side) * radii[1], axis], axis=1)
    return _single(2, (begin + finish) / 2, axes, surface)


def upright(bottom_m: float, top_m: float, radius_m: float, surface: Surface) -> Solids:
    """A round post on the local ``z`` axis."""
    return limb((0, 0, bottom_m), (0, 0, top_m), (radius_m, radius_m), surface)


def entry_distance(start: Floats, direction: Floats, round_axes: int) -> Floats:
    """Where rays enter a unit shape; ``inf`` where they miss it, start inside it or leave it behind.

    A convex shape is the intersection of a round part and slabs, so a ray is inside it on the
    intersection of the parts' intervals.

    Args:
        start: (3, R) float32, in unit coordinates.
        direction: (3, R) float32, in unit coordinates; not normalised, so that distances keep their unit.
        round_axes: 0 box, 2 cylinder, 3 ellipsoid, as in :class:`Solids`.
    """
    enter, leave = np.float32(-np.inf), np.float32(np.inf)
    # A ray parallel to a face would divide zero by zero.
    direction = np.where(direction == 0, np.float32(1e-15), direction)
    with np.errstate(invalid="ignore"):
        if round_axes:
            o, d = start[:round_axes], direction[:round_axes]
            square, middle, offset = (d * d).sum(0), (o * d).sum(0), (o * o).sum(0) - 1
            root = np.sqrt(middle * middle - square * offset)
            enter, leave = (-middle - root) / square, (root - middle) / square
        for axis in range(round_axes, 3):
            slope = 1 / direction[axis]
            middle, half = -start[axis] * slope, abs(slope)
            enter, leave = np.maximum(enter, middle - half), np.minimum(leave, middle + half)
        return np.where((enter < leave) & (enter > 0), enter, np.float32(np.inf))


def surface_normals(solids: Solids, index: NDArray[np.int64], points: Floats) -> Floats:
    """Unit outward normals (3, P) at points (3, P) of the surfaces of ``solids[index]``."""
    inverse = np.linalg.inv(solids.axes).transpose(1, 2, 0).take(index, 2)
    unit = np.einsum("ijp,jp->ip", inverse, points - solids.centre.T.take(index, 1))
    is_round = np.arange(3)[:, None] < solids.round_axes[index]
    radial = unit * is_round
    # The point lies on the round part or on a flat face: where its unit coordinate is largest.
    flat = abs(unit) * ~is_round
    face = flat.argmax(0)
    on_face = flat.max(0) > np.sqrt((radial * radial).sum(0))
    gradient = np.where(on_face, np.sign(unit) * (face == np.arange(3)[:, None]), radial)
    normal = np.einsum("jip,jp->ip", inverse, gradient.astype(np.float32))
    return np.asarray(normal / np.sqrt((normal * normal).sum(0)))
