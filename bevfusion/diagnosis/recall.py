"""Which people are found: by how far away and how hidden they are, and how well their boxes fit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from bevfusion.diagnosis.judgement import Judgement, Verdict
from bevfusion.metrics.annotations import Array

__all__ = ["FitOfFound", "RecallBin", "measure_fit", "recall_by_distance", "recall_by_occlusion"]

DISTANCE_EDGES_M = (0.0, 10.0, 20.0, 30.0, 40.0, 50.0, math.inf)
_OCCLUSION_NAMES = {0: "visible", 1: "partly hidden", 2: "largely hidden", 3: "unknown"}


@dataclass(frozen=True)
class RecallBin:
    """Labels of one kind: how many there are and how many were found (in percent as well)."""

    name: str
    labels: int
    found: int
    recall: float


@dataclass(frozen=True)
class FitOfFound:
    """How well the boxes of found objects fit, medians.

    Attributes:
        centre_m: distance of the centres on the ground.
        size_percent: largest deviation of length, height and width.
        heading_deg: difference of the headings, 0..180.
        flipped_percent: share of objects that face the wrong way (more than 90 degrees off).
    """

    centre_m: float
    size_percent: float
    heading_deg: float
    flipped_percent: float


def recall_by_distance(judgement: Judgement) -> tuple[RecallBin, ...]:
    """Recall in rings around the camera; rings without labels are left out."""
    x, _, z = judgement.labels.values["locations"].T
    ring = np.digitize(np.hypot(x, z), DISTANCE_EDGES_M) - 1
    names = [
        f"{low:g}-{high:g} m" if math.isfinite(high) else f"over {low:g} m"
        for low, high in pairwise(DISTANCE_EDGES_M)
    ]
    return _bins(judgement, ring, dict(enumerate(names)))


def recall_by_occlusion(judgement: Judgement) -> tuple[RecallBin, ...]:
    """Recall by KITTI's level of occlusion; levels without labels are left out."""
    return _bins(judgement, judgement.labels.values["occluded"], _OCCLUSION_NAMES)


def measure_fit(judgement: Judgement) -> FitOfFound | None:
    """How well found objects fit their labels; None if none was found."""
    found = np.flatnonzero(judgement.of_detections == Verdict.FOUND)
    if not len(found):
        return None
    ours = judgement.detections.boxes_3d[found]
    theirs = judgement.labels.boxes_3d[judgement.partner[found]]
    heading = np.abs((ours[:, 6] - theirs[:, 6] + math.pi) % (2 * math.pi) - math.pi)
    size = np.abs(ours[:, 3:6] / theirs[:, 3:6] - 1.0).max(axis=1)
    return FitOfFound(
        centre_m=_median(np.hypot(*(ours[:, :2] - theirs[:, :2]).T)),
        size_percent=100.0 * _median(size),
        heading_deg=math.degrees(_median(heading)),
        flipped_percent=100.0 * float((heading > math.pi / 2).mean()),
    )


def _bins(judgement: Judgement, kind: Array, names: dict[int, str]) -> tuple[RecallBin, ...]:
    bins = []
    for number, name in names.items():
        verdicts = judgement.of_labels[(kind == number) & (judgement.of_labels != Verdict.NONE)]
        found = int(np.count_nonzero(verdicts == Verdict.FOUND))
        if len(verdicts):
            bins.append(RecallBin(name, len(verdicts), found, 100.0 * found / len(verdicts)))
    return tuple(bins)


def _median(values: Array) -> float:
    return float(np.median(values))
