"""Bodies of upright figures: pedestrians, their decoys, people sitting and cyclists."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.random import Generator

from bevfusion.demo.materials import Surface, clothes, muted, pick, skin
from bevfusion.demo.solids import Solids, box, ellipsoid, limb

__all__ = ["Build", "cyclist", "sample_build", "seated", "walking"]


@dataclass(frozen=True)
class Build:
    """Measures of a figure: height, half the shoulder breadth, radius of legs, reach of a step, stoop.

    Feet and stoop point ahead. Without them front and back would look alike, and no detector could learn
    a heading from the shape.
    """

    height_m: float
    shoulder_m: float
    limb_m: float
    step_m: float
    stoop_m: float


def sample_build(rng: Generator) -> Build:
    """Draw the measures of one figure, person or decoy alike."""
    height_m = pick(rng, 1.6, 1.85)
    girth = height_m / 1.75 * pick(rng, 0.95, 1.08)
    return Build(
        height_m, 0.19 * girth, 0.075 * girth, pick(rng, 0.27, 0.33) * height_m / 1.75, pick(rng, 0.1, 0.18)
    )


def walking(build: Build, swing: float, top: Surface, trousers: Surface, head: Surface) -> Solids:
    """A figure in mid-step.

    Args:
        build: measures of the figure.
        swing: share of the full step, in -1..1; the sign says which foot is in front.
        top: surface of torso and arms.
        trousers: surface of the legs.
        head: surface of the head.
    """
    tall, girth, step = build.height_m, build.limb_m, build.step_m * swing
    chest = 0.7 * build.stoop_m
    parts = [
        limb((0, 0, 0.46 * tall), (chest, 0, 0.83 * tall), (build.shoulder_m, 0.13 * tall / 1.75), top),
        ellipsoid((build.stoop_m, 0, 0.91 * tall), (0.1, 0.085, 0.09 * tall), head),
    ]
    for side in (-1, 1):
        hip, hand = side * 0.09, side * (build.shoulder_m + 0.05)
        heel, toe = (side * step, hip, 0.05), (side * step + 0.2, hip, 0.05)
        parts.append(limb((0, hip, 0.5 * tall), heel, (girth, girth), trousers))
        parts.append(limb(heel, toe, (0.05, 0.05), trousers))
        shoulder = (chest, side * build.shoulder_m, 0.81 * tall)
        parts.append(limb(shoulder, (chest - side * 0.8 * step, hand, 0.47 * tall), (0.05, 0.05), top))
    return Solids.joined(parts)


def seated(rng: Generator) -> Solids:
    """A person on a bench."""
    (top, trousers), head, bench = clothes(rng), skin(rng), muted(rng, 0.2, 0.5)
    parts = [
        limb((-0.15, 0, 0.48), (-0.18, 0, 1.08), (0.2, 0.13), top),
        ellipsoid((-0.16, 0, 1.22), (0.1, 0.085, 0.15), head),
        box((-0.12, 0, 0.43), (0.42, 0.6, 0.06), bench),
    ]
    for side in (-0.1, 0.1):
        parts.append(limb((-0.15, side, 0.55), (0.3, side, 0.53), (0.08, 0.08), trousers))
        parts.append(limb((0.3, side, 0.53), (0.28, side, 0.03), (0.06, 0.06), trousers))
    return Solids.joined(parts)


def cyclist(rng: Generator) -> Solids:
    """A person riding a bicycle, together with the bicycle."""
    (top, trousers), head = clothes(rng), skin(rng)
    metal = muted(rng, 0.1, 0.4)
    parts = [
        limb((-0.22, 0, 0.95), (0.12, 0, 1.45), (0.19, 0.13), top),
        ellipsoid((0.22, 0, 1.62), (0.1, 0.085, 0.14), head),
        limb((-0.52, 0, 0.36), (0.5, 0, 0.85), (0.03, 0.03), metal),
        limb((-0.2, 0, 0.9), (0.0, 0, 0.3), (0.03, 0.03), metal),
    ]
    for hub in (-0.54, 0.54):
        parts.append(limb((hub, -0.02, 0.34), (hub, 0.02, 0.34), (0.33, 0.33), metal))
    for side in (-1, 1):
        pedal = (0.05 + 0.12 * side, 0.1 * side, 0.3 + 0.08 * side)
        parts.append(limb((-0.2, 0.1 * side, 0.92), pedal, (0.075, 0.075), trousers))
        parts.append(limb((0.1, 0.2 * side, 1.4), (0.45, 0.22 * side, 1.02), (0.05, 0.05), top))
    return Solids.joined(parts)
