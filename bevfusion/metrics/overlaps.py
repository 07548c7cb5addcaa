"""Finds which labels and detections of the same frame overlap, in the image, on the ground and in space."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from bevfusion.geometry.rotated_iou import paired_intersection_bev
from bevfusion.metrics.annotations import Array, Indices, Objects
from bevfusion.metrics.protocol import Measure

__all__ = ["Pairs", "covered_shares", "overlapping_pairs"]

_PAIRS_AT_ONCE = 1 << 18


@dataclass(frozen=True, eq=False)
class Pairs:
    """Labels and detections that overlap, ``k`` in all, sorted by label, then by detection.

    Attributes:
        label: (k,) index of the label.
        detection: (k,) index of the detection.
        overlap: (k,) intersection over union.
    """

    label: Indices
    detection: Indices
    overlap: Array

    def __getitem__(self, chosen: Indices) -> Pairs:
        return Pairs(self.label[chosen], self.detection[chosen], self.overlap[chosen])


def overlapping_pairs(
    gt: Objects, dt: Objects, *, labels: Indices, detections: Indices, above: float
) -> dict[Measure, Pairs]:
    """List the pairs that can match at all.

    Args:
        gt: labels.
        dt: detections.
        labels: ascending indices of the labels to look at.
        detections: ascending indices of the detections to look at.
        above: pairs of no larger intersection over union are left out.
    """
    found: dict[Measure, list[Pairs]] = {measure: [Pairs(*_nothing())] for measure in Measure}
    content_gt, content_dt = _contents(gt), _contents(dt)
    for i, j in _pairs_of_frames(gt, dt, labels, detections):
        for measure, (at, common) in _intersections(gt, dt, i, j).items():
            pairs = Pairs(i[at], j[at], common)
            union = content_gt[measure][pairs.label] + content_dt[measure][pairs.detection] - common
            overlap = np.divide(common, union, out=np.zeros_like(common), where=common > 0.0)
            found[measure].append(
                Pairs(pairs.label, pairs.detection, overlap)[np.flatnonzero(overlap > above)]
            )
    return {measure: _joined(parts) for measure, parts in found.items()}


def covered_shares(
    gt: Objects, dt: Objects, *, regions: Indices, detections: Indices
) -> dict[Measure, Array]:
    """Say how much of each detection lies in one region that the labels leave open (DontCare).

    Args:
        gt: labels.
        dt: detections, n.
        regions: ascending indices of the labels that are such regions. Those of KITTI have no 3D box and so
            cover nothing on the ground and in space.
        detections: ascending indices of the detections to look at.

    Returns:
        For each measure (n,) the largest intersection over the detection's own area or volume.
    """
    content, shares = _contents(dt), {measure: np.zeros(len(dt)) for measure in Measure}
    for i, j in _pairs_of_frames(gt, dt, regions, detections):
        for measure, (at, common) in _intersections(gt, dt, i, j).items():
            own = content[measure][j[at]]
            share = np.divide(common, own, out=np.zeros_like(common), where=common > 0.0)
            np.maximum.at(shares[measure], j[at], share)
    return shares


def _nothing() -> tuple[Indices, Indices, Array]:
    return np.zeros(0, np.intp), np.zeros(0, np.intp), np.zeros(0)


def _joined(parts: list[Pairs]) -> Pairs:
    return Pairs(
        np.concatenate([part.label for part in parts]),
        np.concatenate([part.detection for part in parts]),
        np.concatenate([part.overlap for part in parts]),
    )


def _pairs_of_frames(
    gt: Objects, dt: Objects, labels: Indices, detections: Indices
) -> Iterator[tuple[Indices, Indices]]:
    """Walk through all pairs within a frame, some 10^5 at a time: indices of labels and of detections."""
    frames = dt.frame[detections]
    first = np.searchsorted(frames, gt.frame[labels], side="left")
    count = np.searchsorted(frames, gt.frame[labels], side="right") - first
    portion = np.cumsum(count) // _PAIRS_AT_ONCE
    for number in np.unique(portion[count > 0]):
        part = portion == number
        sizes = count[part]
        within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        yield np.repeat(labels[part], sizes), detections[np.repeat(first[part], sizes) + within]


def _contents(objects: Objects) -> dict[Measure, Array]:
    """Area or volume of every object, (n,) per measure."""
    box, sides = objects.values["boxes_2d"], objects.boxes_3d[:, 3:6]
    ground = sides[:, 0] * sides[:, 1]
    with np.errstate(invalid="ignore"):  # a box that reaches to infinity has no share that counts
        image = (box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1])
    return {
        Measure.IMAGE: image,
        Measure.GROUND: ground,
        Measure.SPACE: ground * sides[:, 2],
    }


def _intersections(
    gt: Objects, dt: Objects, i: Indices, j: Indices
) -> Mapping[Measure, tuple[Indices, Array]]:
    """Measure what pairs (k,) have in common: positions among the k where it is not nothing, and how much."""
    a, b = gt.values["boxes_2d"], dt.values["boxes_2d"]
    width = np.minimum(a[i, 2], b[j, 2]) - np.maximum(a[i, 0], b[j, 0])
    height = np.minimum(a[i, 3], b[j, 3]) - np.maximum(a[i, 1], b[j, 1])
    image = np.flatnonzero((width > 0.0) & (height > 0.0))

    p, q = gt.boxes_3d, dt.boxes_3d
    near = _footprints_may_meet(p, q, i, j)
    area = paired_intersection_bev(p[i[near]], q[j[near]])
    near, area = near[area > 0.0], area[area > 0.0]
    p, q = p[i[near]], q[j[near]]
    rise = np.minimum(p[:, 2] + p[:, 5], q[:, 2] + q[:, 5]) - np.maximum(p[:, 2], q[:, 2])
    space = np.flatnonzero(rise > 0.0)
    return {
        Measure.IMAGE: (image, width[image] * height[image]),
        Measure.GROUND: (near, area),
        Measure.SPACE: (near[space], area[space] * rise[space]),
    }


def _footprints_may_meet(p: Array, q: Array, i: Indices, j: Indices) -> Indices:
    """Keep the pairs whose circumscribed circles meet: positions among the k."""
    radius_p, radius_q = np.hypot(p[:, 3], p[:, 4]) / 2, np.hypot(q[:, 3], q[:, 4]) / 2
    gap = np.square(p[i, 0] - q[j, 0]) + np.square(p[i, 1] - q[j, 1])
    return np.flatnonzero(gap <= np.square(radius_p[i] + radius_q[j]))
