"""Things of a street that are no figures: cars, houses, walls, trees, posts, bins."""

from __future__ import annotations

from numpy.random import Generator

from bevfusion.demo.materials import Surface, Texture, car_paint, muted, pick
from bevfusion.demo.solids import Solids, box, ellipsoid, limb, upright

__all__ = ["advertising_column", "bin_", "car", "house", "low_wall", "pole", "tree"]

GLASS = Surface((0.12, 0.15, 0.18), 0.08)
RUBBER = Surface((0.06, 0.06, 0.06), 0.1)


def car(rng: Generator) -> Solids:
    """A passenger car of ordinary size."""
    paint = car_paint(rng)
    long_m, wide_m, tall_m = pick(rng, 3.6, 4.6), pick(rng, 1.6, 1.85), pick(rng, 1.4, 1.65)
    parts = [
        box((0, 0, 0.58), (long_m, wide_m, 0.62), paint),
        box((-0.06 * long_m, 0, (0.89 + tall_m) / 2), (0.5 * long_m, 0.86 * wide_m, tall_m - 0.89), GLASS),
        box((-0.08 * long_m, 0, tall_m - 0.04), (0.44 * long_m, 0.88 * wide_m, 0.08), paint),
    ]
    for x_m in (-0.3 * long_m, 0.31 * long_m):
        axle = wide_m / 2 - 0.01
        parts.append(limb((x_m, -axle, 0.32), (x_m, axle, 0.32), (0.32, 0.32), RUBBER))
    return Solids.joined(parts)


def house(rng: Generator, length_m: float, depth_m: float) -> Solids:
    """A house front with windows; its long side lies along the local ``x``."""
    tall_m = pick(rng, 4, 11)
    wall = muted(rng, 0.35, 0.8, texture=Texture.WINDOWS)
    return box((0, 0, tall_m / 2), (length_m, depth_m, tall_m), wall)


def low_wall(rng: Generator, length_m: float) -> Solids:
    """A garden wall or hedge that hides the legs of who stands behind it."""
    tall_m = pick(rng, 0.5, 1.1)
    return box((0, 0, tall_m / 2), (length_m, 0.3, tall_m), muted(rng, 0.3, 0.7))


def tree(rng: Generator) -> Solids:
    """A trunk and a crown."""
    trunk_m = pick(rng, 1.9, 2.6)
    shade = pick(rng, 0.14, 0.26)
    green = (shade, shade + pick(rng, 0.08, 0.16), shade)
    leaves = Surface(green, pick(rng, 0.3, 0.6), Texture.LEAVES)
    spread_m = pick(rng, 0.9, 1.8)
    return Solids.joined(
        [
            upright(0, trunk_m + 0.5, pick(rng, 0.1, 0.22), Surface((0.26, 0.25, 0.23), pick(rng, 0.2, 0.5))),
            ellipsoid((0, 0, trunk_m + 0.9 * spread_m), (spread_m, spread_m, 0.9 * spread_m), leaves),
        ]
    )


def pole(rng: Generator) -> Solids:
    """A lamp or a road sign."""
    metal = muted(rng, 0.3, 0.7)
    tall_m = pick(rng, 2.2, 5)
    board = box((0, 0, tall_m), (0.05, pick(rng, 0.3, 0.6), pick(rng, 0.3, 0.6)), muted(rng, 0.6, 0.95))
    return Solids.joined([upright(0, tall_m, pick(rng, 0.04, 0.1), metal), board])


def bin_(rng: Generator) -> Solids:
    """A litter bin, knee to breast high."""
    return upright(0, pick(rng, 0.7, 1.2), pick(rng, 0.2, 0.35), muted(rng, 0.2, 0.6))


def advertising_column(rng: Generator) -> Solids:
    """A column of a person's height and girth."""
    tall_m, radius_m = pick(rng, 1.5, 2.1), pick(rng, 0.22, 0.4)
    paint = muted(rng, 0.4, 0.95)
    return Solids.joined(
        [
            upright(0, tall_m - 0.2, radius_m, paint),
            ellipsoid((0, 0, tall_m - 0.2), (radius_m, radius_m, 0.2), paint),
        ]
    )
