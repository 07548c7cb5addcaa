"""Convex solids as affine images of three unit shapes, and where rays enter them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

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

    def rotation(self) -> Floats:
        """Matrix (3, 3) that turns local directions into those of the frame this pose is given in."""
        cos, sin = np.cos(self.yaw_rad), np.sin(self.yaw_rad)
        return np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]], np.float32)

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

    def placed(self, pose: Pose, height_m: float = 0.0) -> Solids:
        """Move from the local frame to the one ``pose`` is given in, ``height_m`` up."""
        turn = pose.rotation()
        centre = np.einsum("ij,sj->si", turn, self.centre) + np.array(
            [pose.x_m, pose.y_m, height_m], np.float32
        )
        axes = np.einsum("ij,sjk->sik", turn, self.axes)
        return Solids(self.round_axes, centre, axes, self.colour, self.reflectance, self.texture)

    def bounds(self) -> tuple[Floats, Floats]:
        """Exact lower and upper corner, (3,) each, of the axis-parallel box around the batch."""
        square = self.axes**2
        round_part = np.where(np.arange(3) < self.round_axes[:, None, None], square, 0).sum(2) ** 0.5
        flat_part = np.where(np.arange(3) < self.round_axes[:, None, None], 0, abs(self.axes)).sum(2)
        reach = round_part + flat_part
        return (self.centre - reach).min(0), (self.centre + reach).max(0)

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
        start: (3,) float32, common start of the rays in unit coordinates.
        direction: (3, R) float32, in unit coordinates; not normalised, so that distances keep their unit.
        round_axes: 0 box, 2 cylinder, 3 ellipsoid, as in :class:`Solids`.
    """
    enter = np.full(direction.shape[1], -np.inf, np.float32)
    leave = np.full(direction.shape[1], np.inf, np.float32)
    with np.errstate(divide="ignore", invalid="ignore"):
        if round_axes:
            o, d = start[:round_axes], direction[:round_axes]
            a, b = (d * d).sum(0), (o[:, None] * d).sum(0)
            root = np.sqrt(b * b - a * (o @ o - 1))
            enter, leave = (-b - root) / a, (-b + root) / a
        for axis in range(round_axes, 3):
            near = (-1 - start[axis]) / direction[axis]
            far = (1 - start[axis]) / direction[axis]
            enter = np.maximum(enter, np.minimum(near, far))
            leave = np.minimum(leave, np.maximum(near, far))
        return np.where((enter < leave) & (enter > 0), enter, np.float32(np.inf))


def surface_normals(solids: Solids, index: NDArray[np.int64], points: Floats) -> Floats:
    """Unit outward normals (P, 3) at points (P, 3) of the surfaces of ``solids[index]``."""
    inverse = np.linalg.inv(solids.axes)
    unit = np.einsum("pij,pj->pi", inverse[index], points - solids.centre[index])
    is_round = np.arange(3) < solids.round_axes[index, None]
    outside = abs(unit)
    outside[:, :2] = np.where(is_round[:, :2], np.sqrt((unit**2 * is_round).sum(1))[:, None], outside[:, :2])
    face = outside.argmax(1)
    on_round = np.take_along_axis(is_round, face[:, None], 1)
    gradient = np.where(on_round, unit * is_round, np.sign(unit) * (np.arange(3) == face[:, None]))
    normal = np.einsum("pji,pj->pi", inverse[index], gradient)
    return np.asarray(normal / np.linalg.norm(normal, axis=1, keepdims=True), np.float32)
