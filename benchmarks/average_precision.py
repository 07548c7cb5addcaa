"""Times the evaluation of a whole KITTI validation part, and against overlaps computed pair by pair.

python benchmarks/average_precision.py [--frames 3769] [--detections 200] [--compared 150]
"""

from __future__ import annotations

import argparse
import math
import resource
import time
from collections.abc import Sequence
from unittest.mock import patch

import numpy as np
from shapely.geometry import Polygon

from bevfusion.metrics import FrameAnnotations, average_precision, evaluate
from bevfusion.metrics.annotations import Array, Indices, Objects
from bevfusion.metrics.overlaps import Pairs
from bevfusion.metrics.protocol import Measure


def people(rng: np.random.Generator, places: Array, jitter: float) -> FrameAnnotations:
    n = len(places)
    height_px = 700 * 1.75 / places[:, 1]
    centre_px, bottom_px = 600 + 700 * places[:, 0] / places[:, 1], 180 + 700 * 1.6 / places[:, 1]
    box = np.column_stack([centre_px, bottom_px - height_px, centre_px, bottom_px])
    box += np.outer(height_px, [-0.2, 0.0, 0.2, 0.0])
    return FrameAnnotations(
        names=np.full(n, "Pedestrian"),
        truncated=np.zeros(n),
        occluded=rng.integers(0, 3, n),
        alpha=np.zeros(n),
        boxes_2d=box,
        dimensions_lhw=np.array([0.8, 1.75, 0.6]) * rng.normal(1.0, jitter, (n, 3)),
        locations=np.column_stack([places[:, 0], np.full(n, 1.6), places[:, 1]]),
        rotation_y=rng.uniform(-math.pi, math.pi, n),
        scores=rng.uniform(size=n),
    )


def frames_of(
    rng: np.random.Generator, frames: int, detections: int
) -> tuple[list[FrameAnnotations], list[FrameAnnotations]]:
    """About six people a frame; three detections in ten lie near one of them."""
    labels, found = [], []
    for _ in range(frames):
        truth = rng.uniform([-20, 5], [20, 60], (1 + rng.poisson(5), 2))
        places = rng.uniform([-20, 5], [20, 60], (detections, 2))
        near = rng.random(detections) < 0.3
        places[near] = truth[rng.integers(len(truth), size=near.sum())] + rng.normal(0, 0.15, (near.sum(), 2))
        labels.append(people(rng, truth, 0.1))
        found.append(people(rng, places, 0.1))
    return labels, found


def pairs_one_by_one(
    gt: Objects, dt: Objects, *, labels: Indices, detections: Indices, above: float
) -> dict[Measure, Pairs]:
    """Do what ``overlapping_pairs`` does with a loop over pairs and a polygon library."""
    polygons = {id(side): [footprint(box) for box in side.boxes_3d] for side in (gt, dt)}
    of_frame: dict[int, list[int]] = {}
    for j in detections:
        of_frame.setdefault(int(dt.frame[j]), []).append(int(j))
    rows: dict[Measure, list[tuple[int, int, float]]] = {measure: [] for measure in Measure}
    for i in labels:
        for j in of_frame.get(int(gt.frame[i]), []):
            a, b = gt.values["boxes_2d"][i], dt.values["boxes_2d"][j]
            rows[Measure.IMAGE].append((i, j, image_overlap(a, b)))
            p, q = gt.boxes_3d[i], dt.boxes_3d[j]
            if math.dist(p[:2], q[:2]) > (math.hypot(p[3], p[4]) + math.hypot(q[3], q[4])) / 2:
                continue
            area = polygons[id(gt)][i].intersection(polygons[id(dt)][j]).area
            rise = max(0.0, min(p[2] + p[5], q[2] + q[5]) - max(p[2], q[2]))
            ground = p[3] * p[4] + q[3] * q[4] - area
            rows[Measure.GROUND].append((i, j, area / ground))
            space = p[3] * p[4] * p[5] + q[3] * q[4] * q[5] - area * rise
            rows[Measure.SPACE].append((i, j, area * rise / space))
    return {measure: listed([row for row in found if row[2] > above]) for measure, found in rows.items()}


def listed(rows: Sequence[tuple[int, int, float]]) -> Pairs:
    i, j, overlap = np.array(rows).reshape(-1, 3).T
    return Pairs(i.astype(np.intp), j.astype(np.intp), overlap)


def footprint(box: Array) -> Polygon:
    x, y, dx, dy, yaw = box[[0, 1, 3, 4, 6]]
    c, s = math.cos(yaw), math.sin(yaw)
    ends = [(dx / 2, dy / 2), (-dx / 2, dy / 2), (-dx / 2, -dy / 2), (dx / 2, -dy / 2)]
    return Polygon([(x + c * u - s * v, y + s * u + c * v) for u, v in ends])


def image_overlap(a: Array, b: Array) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    common = max(0.0, width) * max(0.0, height)
    return float(common / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - common))


def timed(
    labels: Sequence[FrameAnnotations], found: Sequence[FrameAnnotations]
) -> tuple[dict[str, float], float]:
    start = time.perf_counter()
    return evaluate(labels, found), time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=3769)
    parser.add_argument("--detections", type=int, default=200)
    parser.add_argument("--compared", type=int, default=150)
    options = parser.parse_args()
    labels, found = frames_of(np.random.default_rng(0), options.frames, options.detections)

    scores, whole_s = timed(labels, found)
    memory_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{options.frames} frames, {options.detections} detections each: {whole_s:.1f} s, all keys")
    print(f"  AP11 {scores['AP11']:.2f}; peak memory of the process {memory_gb:.2f} GB")

    part = slice(0, options.compared)
    ours, ours_s = timed(labels[part], found[part])
    with patch.object(average_precision, "overlapping_pairs", pairs_one_by_one):
        theirs, theirs_s = timed(labels[part], found[part])
    difference = max(abs(ours[key] - theirs[key]) for key in ours)
    print(f"{options.compared} frames: {ours_s:.2f} s; pair by pair {theirs_s:.2f} s")
    print(f"  {theirs_s / ours_s:.1f} times faster")
    print(f"  largest difference of a key: {difference:.1e}")


if __name__ == "__main__":
    main()
