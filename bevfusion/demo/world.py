"""Sequences: one street each, its people walking and a car with the sensors driving through."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from bevfusion.demo.calibration import Calibration
from bevfusion.demo.solids import Pose, Solids

__all__ = ["FRAME_INTERVAL_S", "Actor", "Kind", "Scene"]

FRAME_INTERVAL_S = 0.2


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
