"""Proves on this machine that the evaluator measures what it says, before a study trusts it."""

from __future__ import annotations

import math

import numpy as np

from bevfusion.geometry.rotated_iou import iou_bev
from bevfusion.metrics.annotations import FrameAnnotations
from bevfusion.metrics.average_precision import evaluate

__all__ = ["evaluator_self_test"]

_FRAMES, _PEOPLE = 30, 4


def evaluator_self_test() -> dict[str, float | bool]:
    """Score rotated boxes against themselves and against those of other frames.

    Returns:
        ``perfect`` (lowest key of labels against themselves, must be 100), ``shuffled`` (highest key of
        detections that belong to the next frame, must be below 1), ``octagon_error`` (of the IoU of a unit
        square with itself turned by 45 degrees, which is 1/sqrt(2)) and ``passed``.
    """
    rng = np.random.default_rng(0)
    labels = [_random_frame(rng) for _ in range(_FRAMES)]
    perfect = min(evaluate(labels, labels).values())
    shuffled = max(evaluate(labels, labels[1:] + labels[:1]).values())
    octagon = float(iou_bev([[0, 0, 1, 1, 0]], [[0, 0, 1, 1, math.pi / 4]])[0, 0])
    error = abs(octagon - math.sqrt(0.5))
    return {
        "perfect": perfect,
        "shuffled": shuffled,
        "octagon_error": error,
        "passed": bool(abs(perfect - 100.0) < 1e-9 and shuffled < 1.0 and error < 1e-12),
    }


def _random_frame(rng: np.random.Generator) -> FrameAnnotations:
    """Stand people in any direction, in full view and large enough to be easy."""
    n = _PEOPLE
    corner = rng.uniform([0.0, 0.0], [1200.0, 300.0], (n, 2))
    return FrameAnnotations(
        names=np.full(n, "Pedestrian"),
        truncated=np.zeros(n),
        occluded=np.zeros(n),
        alpha=rng.uniform(-math.pi, math.pi, n),
        boxes_2d=np.hstack([corner, corner + rng.uniform([15.0, 41.0], [25.0, 60.0], (n, 2))]),
        dimensions_lhw=rng.uniform([0.5, 1.5, 0.4], [1.1, 1.9, 0.8], (n, 3)),
        locations=rng.uniform([-20.0, 1.5, 5.0], [20.0, 1.8, 60.0], (n, 3)),
        rotation_y=rng.uniform(-math.pi, math.pi, n),
        scores=rng.uniform(0.1, 1.0, n),
    )
