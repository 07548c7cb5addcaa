"""Several objectives: which trials no other beats in all of them, and how much they cover together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from automl.types import Metric, Role, TrialId, TrialRecord

__all__ = ["Point", "find_front", "hypervolume", "summarize_front"]

Point = tuple[float, ...]
"""One value an objective; larger is better."""


def summarize_front(records: Iterable[TrialRecord], objectives: Sequence[Metric]) -> dict[str, Any] | None:
    """Pareto front and hypervolume of a study; None unless it has several objectives.

    The hypervolume is measured from the worst value that any ranked trial has in each objective, so it is
    comparable within one study only.
    """
    if len(objectives) < 2:
        return None
    points = {
        record.id: point
        for record in records
        if record.role is Role.SEARCH and record.is_ranked and (point := _point(record, objectives))
    }
    front = find_front(points)
    reference = tuple(map(min, zip(*points.values(), strict=True)))
    return {
        "objectives": [{"name": o.name, "direction": o.direction.value} for o in objectives],
        "front": [{"trial": trial, "values": _values(points[trial], objectives)} for trial in front],
        "hypervolume": hypervolume([points[trial] for trial in front], reference),
        "reference": _values(reference, objectives) if points else None,
    }


def find_front(points: Mapping[TrialId, Point]) -> list[TrialId]:
    """Trials that no other equals in all objectives and beats in one; best in the first of them first."""
    front = [
        trial for trial, point in points.items() if not any(_beats(other, point) for other in points.values())
    ]
    return sorted(front, key=lambda trial: points[trial], reverse=True)


def hypervolume(points: Sequence[Point], reference: Point) -> float:
    """Volume that lies between a reference and points, each at least as good as it in every objective.

    Slice by slice along the last objective (HSO; While et al., "A faster algorithm for calculating
    hypervolume", IEEE TEC 2006); exact, and quick for the few dozen points of a study.
    """
    if not points:
        return 0.0
    if len(reference) == 1:
        return max(point[0] for point in points) - reference[0]
    heights = sorted({point[-1] for point in points}, reverse=True)
    volume = 0.0
    for height, below in zip(heights, [*heights[1:], reference[-1]], strict=True):
        slice_ = [point[:-1] for point in points if point[-1] >= height]
        volume += (height - below) * hypervolume(slice_, reference[:-1])
    return volume


def _beats(one: Point, other: Point) -> bool:
    return one != other and all(mine >= theirs for mine, theirs in zip(one, other, strict=True))


def _point(record: TrialRecord, objectives: Sequence[Metric]) -> Point | None:
    """What the epoch that stands for the trial measured; None when it lacks an objective."""
    measured = record.measures
    if any(objective.name not in measured for objective in objectives):
        return None
    return tuple(objective.direction.sign * measured[objective.name] for objective in objectives)


def _values(point: Point, objectives: Sequence[Metric]) -> dict[str, float]:
    return {o.name: o.direction.sign * value for o, value in zip(objectives, point, strict=True)}
