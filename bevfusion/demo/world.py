"""Sequences: one street each, its people walking and a car with the sensors driving through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.random import Generator

from bevfusion.demo import people, street
from bevfusion.demo.calibration import Calibration, sample_calibration
from bevfusion.demo.materials import clothes, muted, pick, skin, statue
from bevfusion.demo.solids import Pose, Solids

__all__ = ["Actor", "Kind", "Scene", "sample_scene"]

FRAME_INTERVAL_S = 0.2
EGO_LANE_M = 1.7
FIGURE_GAP_M = 0.62


class Kind(Enum):
    """What a thing is; the value is its KITTI type, or a name in lower case where KITTI labels nothing."""

    PERSON = "Pedestrian"
    SITTING = "Person_sitting"
    CYCLIST = "Cyclist"
    CAR = "Car"
    DECOY = "decoy"
    CLUTTER = "clutter"

    @property
    def is_labelled(self) -> bool:
        """Whether KITTI has a type for it."""
        return self.value[0].isupper()


@dataclass(frozen=True)
class Actor:
    """One thing in the world, standing or moving straight ahead.

    Attributes:
        kind: what it is.
        start: world pose in the first frame.
        gait: its shapes in the local frame, one per frame in turn; rigid things have one.
        speed_mps: speed along its heading.
    """

    kind: Kind
    start: Pose
    gait: tuple[Solids, ...]
    speed_mps: float = 0.0

    def pose(self, frame: int) -> Pose:
        """World pose in a frame of the sequence."""
        return self.start.moved(self.speed_mps * FRAME_INTERVAL_S * frame)

    def shape(self, frame: int) -> Solids:
        """Solids in the local frame in a frame of the sequence."""
        return self.gait[frame % len(self.gait)]


@dataclass(frozen=True)
class Scene:
    """One sequence.

    Attributes:
        actors: everything in the street.
        calibration: the sensor rig.
        ego_speed_mps: the rig drives from the world's origin along ``x``.
        road_m: half the breadth of the asphalt.
        sun: (3,) unit vector to the sun, world frame.
        light: ambient light, sunlight and exposure.
        sky: RGB of the sky in 0..1.
    """

    actors: tuple[Actor, ...]
    calibration: Calibration
    ego_speed_mps: float
    road_m: float
    sun: tuple[float, float, float]
    light: tuple[float, float, float]
    sky: tuple[float, float, float]

    def ego(self, frame: int) -> Pose:
        """World pose of the sensors' car."""
        return Pose(self.ego_speed_mps * FRAME_INTERVAL_S * frame, 0.0)


@dataclass
class _Plan:
    """A street being furnished: what stands there, and the circles (x, y, radius) that are taken."""

    rng: Generator
    frames: int
    ego_speed_mps: float
    road_m: float
    walls_m: tuple[float, float]
    actors: list[Actor] = field(default_factory=list)
    taken: list[tuple[float, float, float]] = field(default_factory=list)

    @property
    def duration_s(self) -> float:
        return self.frames * FRAME_INTERVAL_S

    def is_free(self, x_m: float, y_m: float, radius_m: float) -> bool:
        between_walls = -self.walls_m[1] + radius_m < y_m < self.walls_m[0] - radius_m
        return between_walls and all(
            np.hypot(x_m - x, y_m - y) > radius_m + radius for x, y, radius in self.taken
        )

    def add(self, actor: Actor, *radii_m: float, spacing_m: float = 0.0) -> None:
        """Put an actor down; its circles lie along its heading, ``spacing_m`` apart."""
        self.actors.append(actor)
        for index, radius in enumerate(radii_m):
            spot = actor.start.moved((index - (len(radii_m) - 1) / 2) * spacing_m)
            self.taken.append((spot.x_m, spot.y_m, radius))


def _build_walls(plan: _Plan) -> None:
    rng = plan.rng
    for side, wall_m in zip((1, -1), plan.walls_m, strict=True):
        x_m = -12.0
        while x_m < 75:
            length_m, depth_m = pick(rng, 8, 20), pick(rng, 6, 12)
            pose = Pose(x_m + length_m / 2, side * (wall_m + depth_m / 2 + pick(rng, 0, 1.5)))
            if rng.random() < 0.85:
                plan.add(Actor(Kind.CLUTTER, pose, (street.house(rng, length_m, depth_m),)))
            x_m += length_m + pick(rng, 0, 2)
    if rng.random() < 0.6:
        across = Pose(pick(rng, 70, 85), pick(rng, -4, 4), np.pi / 2)
        plan.add(Actor(Kind.CLUTTER, across, (street.house(rng, 40, 8),)))


def _park_cars(plan: _Plan) -> None:
    rng = plan.rng
    for side in (1, -1):
        for x_m in np.arange(pick(rng, 4, 9), 60, 6.2):
            if rng.random() < 0.16:
                heading = (np.pi if side > 0 else 0.0) + rng.normal(0, 0.04)
                pose = Pose(float(x_m) + pick(rng, -0.5, 0.5), side * (plan.road_m - 0.95), heading)
                plan.add(Actor(Kind.CAR, pose, (street.car(rng),)), 1.1, 1.1, 1.1, spacing_m=1.5)


def _furnish(plan: _Plan) -> None:
    rng = plan.rng
    makers: tuple[tuple[Callable[[Generator], Solids], float, int], ...] = (
        (street.pole, 0.3, 4),
        (street.tree, 0.45, 4),
        (street.bin_, 0.45, 3),
        (street.advertising_column, 0.5, 2),
    )
    for make, radius_m, most in makers:
        for _ in range(rng.integers(1, most + 1)):
            side = rng.choice((-1, 1))
            x_m, y_m = pick(rng, 5, 55), side * (plan.road_m + pick(rng, 0.4, 4))
            if plan.is_free(x_m, y_m, radius_m):
                plan.add(Actor(Kind.CLUTTER, Pose(x_m, y_m, pick(rng, 0, 6.28)), (make(rng),)), radius_m)
    for _ in range(rng.integers(0, 3)):
        x_m, y_m = pick(rng, 8, 45), rng.choice((-1, 1)) * (plan.road_m + pick(rng, 1, 3))
        if plan.is_free(x_m, y_m, 1.2):
            wall = street.low_wall(rng, 3)
            plan.add(Actor(Kind.CLUTTER, Pose(x_m, y_m), (wall,)), 0.5, 0.5, 0.5, spacing_m=1.0)


def _spot(plan: _Plan, nearest_m: float, farthest_m: float) -> tuple[float, float]:
    """Draw a point inside the camera's view from where the rig passes in some frame."""
    rng = plan.rng
    ego_m = plan.ego_speed_mps * FRAME_INTERVAL_S * int(rng.integers(plan.frames))
    range_m = nearest_m + (farthest_m - nearest_m) * rng.random() ** 1.2
    bearing = pick(rng, -0.6, 0.6)
    return ego_m + range_m * float(np.cos(bearing)), range_m * float(np.sin(bearing))


def _place_figures(plan: _Plan, figures: Sequence[Kind], nearest_m: float, farthest_m: float) -> None:
    """Stand figures alone or in groups; where one stands does not depend on its kind."""
    rng = plan.rng
    previous: tuple[float, float] | None = None
    for kind in figures:
        for _ in range(30):
            if previous and rng.random() < 0.35:
                bearing = pick(rng, 0, 6.28)
                gap_m = pick(rng, 0.9, 1.3)
                x_m, y_m = previous[0] + gap_m * np.cos(bearing), previous[1] + gap_m * np.sin(bearing)
            else:
                x_m, y_m = _spot(plan, nearest_m, farthest_m)
            if abs(y_m) > EGO_LANE_M and plan.is_free(x_m, y_m, FIGURE_GAP_M / 2):
                plan.add(_figure(plan, kind, x_m, y_m), FIGURE_GAP_M / 2)
                previous = (x_m, y_m)
                break


def _figure(plan: _Plan, kind: Kind, x_m: float, y_m: float) -> Actor:
    rng = plan.rng
    build = people.sample_build(rng)
    pose = Pose(x_m, y_m, pick(rng, -np.pi, np.pi))
    swings = rng.choice((-1, 1)) * rng.uniform(0.75, 1, 4) * (1, 1, -1, -1)
    if kind is Kind.DECOY:
        top, trousers, head = statue(rng)
        return Actor(kind, pose, (people.walking(build, float(swings[0]), top, trousers, head),))
    top, trousers = clothes(rng)
    head = skin(rng)
    gait = tuple(people.walking(build, float(swing), top, trousers, head) for swing in swings)
    speed_mps = pick(rng, 0.4, 1.5)
    path = [pose.moved(speed_mps * plan.duration_s * share) for share in (0.25, 0.5, 0.75, 1)]
    is_clear = all(abs(p.y_m) > EGO_LANE_M and plan.is_free(p.x_m, p.y_m, 0.3) for p in path)
    return Actor(kind, pose, gait, speed_mps if is_clear else 0.0)


def _add_riders(plan: _Plan) -> None:
    rng = plan.rng
    if rng.random() < 0.6:
        x_m, y_m = _spot(plan, 8, 30)
        y_m = float(np.sign(y_m)) * max(abs(y_m), EGO_LANE_M + 0.5)
        if plan.is_free(x_m, y_m, 1):
            pose = Pose(x_m, y_m, pick(rng, -0.3, 0.3) + np.pi * rng.integers(2))
            plan.add(
                Actor(Kind.CYCLIST, pose, (people.cyclist(rng),), pick(rng, 0, 4)), 0.6, 0.6, spacing_m=1
            )
    if rng.random() < 0.3:
        x_m, y_m = _spot(plan, 8, 25)
        if abs(y_m) > EGO_LANE_M and plan.is_free(x_m, y_m, 0.6):
            plan.add(
                Actor(Kind.SITTING, Pose(x_m, y_m, pick(rng, -np.pi, np.pi)), (people.seated(rng),)), 0.5
            )


def sample_scene(rng: Generator, frames: int) -> Scene:
    """Draw the street of one sequence of ``frames`` frames and everything in it."""
    walls_m = (pick(rng, 9, 16), pick(rng, 9, 16))
    plan = _Plan(rng, frames, pick(rng, 3, 8), pick(rng, 3.6, 4.8), walls_m)
    _build_walls(plan)
    _park_cars(plan)
    _furnish(plan)
    _add_riders(plan)
    pairs = int(rng.integers(7, 11))
    _place_figures(
        plan, [Kind(name) for name in rng.permutation([Kind.PERSON.value, Kind.DECOY.value] * pairs)], 4, 34
    )
    if rng.random() < 0.5:
        _place_figures(plan, [Kind.PERSON] * int(rng.integers(2, 5)), 46, 62)
    azimuth, elevation = pick(rng, -np.pi, np.pi), pick(rng, 0.45, 1.1)
    flat = float(np.cos(elevation))
    sun = (flat * float(np.cos(azimuth)), flat * float(np.sin(azimuth)), float(np.sin(elevation)))
    return Scene(
        actors=tuple(plan.actors),
        calibration=sample_calibration(rng),
        ego_speed_mps=plan.ego_speed_mps,
        road_m=plan.road_m,
        sun=sun,
        light=(pick(rng, 0.55, 0.7), pick(rng, 0.3, 0.5), pick(rng, 0.85, 1.1)),
        sky=muted(rng, 0.75, 0.95).colour,
    )
