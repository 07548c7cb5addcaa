"""What surfaces look like to the camera (colour) and to the LiDAR (reflectance)."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from enum import IntEnum

from numpy.random import Generator

__all__ = ["Surface", "Texture", "car_paint", "clothes", "muted", "overcast", "pick", "skin", "statue"]


class Texture(IntEnum):
    """How the colour of a surface varies over it."""

    PLAIN = 0
    WINDOWS = 1
    LEAVES = 2


@dataclass(frozen=True)
class Surface:
    """One material: RGB colour in 0..1, LiDAR reflectance in 0..1, and its texture."""

    colour: tuple[float, float, float]
    reflectance: float
    texture: Texture = Texture.PLAIN


def pick(rng: Generator, low: float, high: float) -> float:
    """Draw one number uniformly from ``[low, high)`` as a Python float."""
    return float(rng.uniform(low, high))


def _body_reflectance(rng: Generator) -> float:
    """One distribution for cloth, skin, stone and wood: reflectance must not give a statue away."""
    return pick(rng, 0.15, 0.65)


def clothes(rng: Generator) -> tuple[Surface, Surface]:
    """Dress a person: top and trousers, both saturated and warm, from pink over red to yellow, of unlike hue.

    Warm against cool is a weighted sum of RGB: a small network finds it within minutes, and it survives the
    averaging of neighbouring pixels, which any two saturated colours would not.
    """
    hues = (pick(rng, -0.08, 0.02), pick(rng, 0.06, 0.15))
    first = int(rng.integers(2))
    top = colorsys.hsv_to_rgb(hues[first] % 1, pick(rng, 0.75, 1), pick(rng, 0.7, 1))
    trousers = colorsys.hsv_to_rgb(hues[1 - first] % 1, pick(rng, 0.65, 1), pick(rng, 0.5, 0.9))
    return Surface(top, _body_reflectance(rng)), Surface(trousers, _body_reflectance(rng))


def skin(rng: Generator) -> Surface:
    """Draw a skin tone."""
    tone = colorsys.hsv_to_rgb(pick(rng, 0.04, 0.09), pick(rng, 0.35, 0.6), pick(rng, 0.4, 0.95))
    return Surface(tone, _body_reflectance(rng))


def statue(rng: Generator) -> tuple[Surface, Surface, Surface]:
    """Paint a decoy: one grey, white, faintly green or bluish stone for top, trousers and head.

    The three parts differ in reflectance as the parts of a person do.
    """
    stone = colorsys.hsv_to_rgb(pick(rng, 0.25, 0.6), pick(rng, 0, 0.15), pick(rng, 0.3, 0.95))
    return (
        Surface(stone, _body_reflectance(rng)),
        Surface(stone, _body_reflectance(rng)),
        Surface(stone, _body_reflectance(rng)),
    )


def car_paint(rng: Generator) -> Surface:
    """Draw a car's paint: half of the cars white to black, half green to blue."""
    saturation = pick(rng, 0.5, 0.9) if rng.random() < 0.5 else 0.0
    return Surface(
        colorsys.hsv_to_rgb(pick(rng, 0.3, 0.7), saturation, pick(rng, 0.1, 0.95)), pick(rng, 0.1, 0.8)
    )


def overcast(rng: Generator) -> tuple[float, float, float]:
    """Draw the RGB colour of a sky between grey and pale blue."""
    return colorsys.hsv_to_rgb(pick(rng, 0.52, 0.62), pick(rng, 0, 0.08), pick(rng, 0.75, 0.95))


def muted(rng: Generator, low: float, high: float, *, texture: Texture = Texture.PLAIN) -> Surface:
    """Draw a nearly grey surface whose brightness lies in ``[low, high)``: walls, posts, bins."""
    colour = colorsys.hsv_to_rgb(pick(rng, 0.1, 0.6), pick(rng, 0, 0.05), pick(rng, low, high))
    return Surface(colour, pick(rng, 0.2, 0.6), texture)
