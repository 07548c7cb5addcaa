"""Builds frames of people whose image boxes and 3D boxes agree about who overlaps whom."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from bevfusion.metrics import FrameAnnotations


@dataclass(frozen=True)
class Person:
    """Stands at ``x_m``, 10 m ahead; a metre is 100 pixels and a person 0.8 m wide."""

    x_m: float
    score: float = 0.0
    name: str = "Pedestrian"
    height_px: float = 60.0
    occluded: int = 0
    truncated: float = 0.0
    alpha: float = 0.0


def frame(*people: Person) -> FrameAnnotations:
    columns = {field.name: [getattr(person, field.name) for person in people] for field in fields(Person)}
    left = np.array([100.0 * person.x_m for person in people])
    height = np.array([person.height_px for person in people])
    n = len(people)
    return FrameAnnotations(
        names=np.array(columns["name"], dtype=np.str_),
        truncated=columns["truncated"],
        occluded=columns["occluded"],
        alpha=columns["alpha"],
        boxes_2d=np.stack([left, 200.0 - height, left + 80.0, np.full(n, 200.0)], axis=1),
        dimensions_lhw=np.tile([0.8, 1.7, 0.6], (n, 1)),
        locations=np.stack([columns["x_m"], np.full(n, 1.6), np.full(n, 10.0)], axis=1),
        rotation_y=np.zeros(n),
        scores=columns["score"],
    )


def crowd(rng: np.random.Generator, *, frames: int, people: int) -> list[FrameAnnotations]:
    return [
        frame(*[Person(2.0 * i + rng.uniform(-0.3, 0.3), score=rng.uniform()) for i in range(people)])
        for _ in range(frames)
    ]
