"""Draws the street of a sequence: walls, cars, furniture, riders, and figures among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.random import Generator

from bevfusion.demo import people, street
from bevfusion.demo.calibration import sample_calibration
from bevfusion.demo.materials import clothes, overcast, pick, skin, statue
from bevfusion.demo.solids import Pose, Solids
from bevfusion.demo.world import FRAME_INTERVAL_S, Actor, Kind, Scene

__all__ = ["sample_scene"]

EGO_LANE_M = 1.7
# Figures keep 1.6 m apart: two peaks of a heat map with 0.8 m cells need a cell between them.
FIGURE_RADIUS_M = 0.8
BODY_RADIUS_M = 0.31
NEAR_M, FAR_M = (4.5, 26.0), (46.0, 62.0)
COMPANY_GAP_RAD = 0.14


@dataclass
class _Plan:
    """A street being furnished: what stands there, and the circles (x, y, radius) that are taken."""

    rng: Generator
    duration_s: float
    ego_speed_mps: float
    road_m: float
    walls_m: tuple[float, float]
    actors: list[Actor] = field(default_factory=list)
    taken: list[tuple[float, float, float]] = field(default_factory=list)

    def is_free(self, x_m: float, y_m: float, radius_m: float) -> bool:
        """Whether a circle lies between the walls, off the ego car's way, and meets no taken circle."""
        between_walls = -self.walls_m[1] + radius_m < y_m < self.walls_m[0] - radius_m
        is_ahead = x_m > self.ego_speed_mps * self.duration_s + NEAR_M[0]
        return (
            between_walls
            and (is_ahead or abs(y_m) > EGO_LANE_M)
            and all(np.hypot(x_m - x, y_m - y) > radius_m + radius for x, y, radius in self.taken)
        )

    def add(self, actor: Actor, radius_m: float = 0.0, half_length_m: float = 0.0) -> None:
        """Put an actor down and take its place, ``half_length_m`` along the heading and against it."""
        self.actors.append(actor)
        if radius_m:
            for along_m in np.linspace(-half_length_m, half_length_m, 1 + 2 * int(np.ceil(half_length_m))):
                spot = actor.start.moved(float(along_m))
                self.taken.append((spot.x_m, spot.y_m, radius_m))


def sample_scene(rng: Generator, frames: int, *, has_persons: bool = True) -> Scene:
    """Draw the street of one sequence of ``frames`` frames and everything in it.

    A street without persons keeps its decoys, cyclists and people sitting.
    """
    walls_m = (pick(rng, 9, 16), pick(rng, 9, 16))
    plan = _Plan(rng, frames * FRAME_INTERVAL_S, pick(rng, 3, 8), pick(rng, 3.6, 4.8), walls_m)
    _build_walls(plan)
    _park_cars(plan)
    _furnish(plan)
    _seat_people(plan)
    pairs = int(rng.integers(3, 5))
    figures = [Kind.PERSON.value] * pairs * has_persons + [Kind.DECOY.value] * pairs
    _place_figures(plan, rng.permutation(figures).tolist(), NEAR_M)
    if has_persons and rng.random() < 0.5:
        _place_figures(plan, [Kind.PERSON.value], FAR_M)
    azimuth, elevation = pick(rng, -np.pi, np.pi), pick(rng, 0.45, 1.1)
    flat = float(np.cos(elevation))
    return Scene(
        actors=tuple(plan.actors),
        calibration=sample_calibration(rng),
        ego_speed_mps=plan.ego_speed_mps,
        road_m=plan.road_m,
        sun=(flat * float(np.cos(azimuth)), flat * float(np.sin(azimuth)), float(np.sin(elevation))),
        light=(pick(rng, 0.55, 0.7), pick(rng, 0.3, 0.5), pick(rng, 0.85, 1.1)),
        sky=overcast(rng),
    )


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
                plan.add(Actor(Kind.CAR, pose, (street.car(rng),)), 1.1, 1.5)


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
            x_m, y_m = pick(rng, 5, 55), _beside_road(plan, 0.4, 4)
            if plan.is_free(x_m, y_m, radius_m):
                plan.add(Actor(Kind.CLUTTER, Pose(x_m, y_m, pick(rng, 0, 6.28)), (make(rng),)), radius_m)
    for _ in range(rng.integers(0, 3)):
        x_m, y_m = pick(rng, 8, 45), _beside_road(plan, 1, 3)
        if plan.is_free(x_m, y_m, 1.2):
            plan.add(Actor(Kind.CLUTTER, Pose(x_m, y_m), (street.low_wall(rng, 3),)), 0.5, 1.2)


def _beside_road(plan: _Plan, nearest_m: float, farthest_m: float) -> float:
    side = int(plan.rng.choice((-1, 1)))
    return side * (plan.road_m + pick(plan.rng, nearest_m, farthest_m))


def _seat_people(plan: _Plan) -> None:
    """Cyclists ride along the street; a few people sit on benches."""
    rng = plan.rng
    for _ in range(rng.integers(0, 3)):
        x_m, y_m = _spot(plan, (8, 30))
        speed_mps = pick(rng, 0, 2.5)
        if abs(y_m) > EGO_LANE_M + 1 and plan.is_free(x_m, y_m, 0.8):
            pose = Pose(x_m, y_m, rng.normal(0, 0.05) + np.pi * int(rng.integers(2)))
            rider = Actor(Kind.CYCLIST, pose, (people.cyclist(rng),), speed_mps)
            plan.add(rider, 0.6, 1 + speed_mps * plan.duration_s)
    if rng.random() < 0.4:
        x_m, y_m = _spot(plan, (8, 25))
        if plan.is_free(x_m, y_m, 0.6):
            pose = Pose(x_m, y_m, pick(rng, -np.pi, np.pi))
            plan.add(Actor(Kind.SITTING, pose, (people.seated(rng),)), 0.5)


def _spot(plan: _Plan, reach_m: tuple[float, float]) -> tuple[float, float]:
    """Draw a point inside the camera's view from somewhere on the ego car's way."""
    rng = plan.rng
    ego_m = plan.ego_speed_mps * plan.duration_s * rng.random()
    range_m = reach_m[0] + (reach_m[1] - reach_m[0]) * rng.random() ** 1.2
    bearing = pick(rng, -0.53, 0.53)
    return ego_m + range_m * float(np.cos(bearing)), range_m * float(np.sin(bearing))


def _place_figures(plan: _Plan, names: Sequence[str], reach_m: tuple[float, float]) -> None:
    """Stand figures in companies, each of one kind; where a company stands does not depend on its kind.

    Companies of unlike kind keep apart in bearing: the detector's image features are coarser than a figure
    is wide, so what they say of a mixed company would be a mean.
    """
    companies: list[tuple[str, float]] = []
    for name in names:
        for _ in range(60):
            x_m, y_m = _spot(plan, reach_m)
            bearing = float(np.arctan2(y_m, x_m - plan.ego_speed_mps * plan.duration_s / 2))
            apart = [abs(bearing - other) for kind, other in companies if kind != name]
            if min(apart, default=np.inf) > COMPANY_GAP_RAD and plan.is_free(x_m, y_m, FIGURE_RADIUS_M):
                _place_company(plan, Kind(name), x_m, y_m)
                companies.append((name, bearing))
                break


def _place_company(plan: _Plan, kind: Kind, x_m: float, y_m: float) -> None:
    """Stand one to four figures near one another."""
    rng = plan.rng
    plan.add(_figure(plan, kind, x_m, y_m), FIGURE_RADIUS_M)
    for _ in range(rng.integers(0, 4)):
        beside = Pose(x_m, y_m, pick(rng, -np.pi, np.pi)).moved(pick(rng, 1.6, 2.8))
        if plan.is_free(beside.x_m, beside.y_m, FIGURE_RADIUS_M):
            plan.add(_figure(plan, kind, beside.x_m, beside.y_m), FIGURE_RADIUS_M)


def _figure(plan: _Plan, kind: Kind, x_m: float, y_m: float) -> Actor:
    rng = plan.rng
    build = people.sample_build(rng)
    # Most walk along the street and face the traffic, as pedestrians are told to.
    yaw_rad = rng.normal(np.pi, 0.45) if rng.random() < 0.8 else pick(rng, -np.pi, np.pi)
    pose = Pose(x_m, y_m, float(yaw_rad))
    swings = rng.choice((-1, 1)) * rng.uniform(0.75, 1, 2) * (1, -1)
    if kind is Kind.DECOY:
        return Actor(kind, pose, (people.walking(build, float(swings[0]), *statue(rng)),))
    top, trousers = clothes(rng)
    head = skin(rng)
    gait = tuple(people.walking(build, float(swing), top, trousers, head) for swing in swings)
    return Actor(kind, pose, gait, _walking_speed(plan, pose))


def _walking_speed(plan: _Plan, start: Pose) -> float:
    """Walk if the way is clear, and keep it clear for the others; else stand."""
    speed_mps = pick(plan.rng, 0.4, 1.5)
    path = [start.moved(speed_mps * plan.duration_s * share) for share in (0.25, 0.5, 0.75, 1)]
    if not all(plan.is_free(spot.x_m, spot.y_m, BODY_RADIUS_M) for spot in path):
        return 0.0
    plan.taken += [(spot.x_m, spot.y_m, BODY_RADIUS_M) for spot in path]
    return speed_mps
