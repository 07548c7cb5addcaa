"""Trials seen along their parameters: parallel coordinates and slices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from automl.space import SearchSpace
from automl.types import Role, TrialRecord

__all__ = ["draw_parallel", "draw_slices"]


def draw_parallel(space: SearchSpace, records: Iterable[TrialRecord]) -> dict[str, Any]:
    """Parallel coordinates: an axis a parameter, a line a trial; what a trial does not have is null."""
    return {
        "axes": [
            {
                "name": parameter.name,
                "type": parameter.kind.value,
                "low": parameter.low,
                "high": parameter.high,
                "log": parameter.log,
                "choices": list(parameter.choices),
                "default": parameter.default,
            }
            for parameter in space
        ],
        "lines": [
            {**_point(record), "params": [record.params.get(parameter.name) for parameter in space]}
            for record in _searched(records)
        ],
    }


def draw_slices(space: SearchSpace, records: Iterable[TrialRecord]) -> dict[str, list[dict[str, Any]]]:
    """Each parameter against the metric; epochs tell how far to trust a point."""
    known = list(_searched(records))
    return {
        parameter.name: [
            {**_point(record), "x": record.params[parameter.name]}
            for record in known
            if parameter.name in record.params
        ]
        for parameter in space
    }


def _searched(records: Iterable[TrialRecord]) -> Iterable[TrialRecord]:
    return (record for record in records if record.role is Role.SEARCH)


def _point(record: TrialRecord) -> dict[str, Any]:
    return {
        "trial": record.id,
        "value": record.value,
        "epochs": record.epochs,
        "state": record.state.value,
        "cause": record.cause.value,
    }
