"""Fronts and volumes, worked by hand."""

from typing import Any

import pytest

from automl.study.pareto import find_front, hypervolume, summarize_front
from automl.types import Direction, Metric, Report, Role, TrialId, TrialRecord, TrialState

AP, LATENCY = Metric("AP11", Direction.MAXIMIZE), Metric("latency_ms", Direction.MINIMIZE)


def points(*rows: tuple[float, ...]) -> dict[TrialId, tuple[float, ...]]:
    return {TrialId(str(k)): row for k, row in enumerate(rows)}


def test_front_holds_what_nothing_beats_in_everything() -> None:
    assert find_front(points((1.0, 5.0), (2.0, 4.0), (2.0, 3.0), (0.0, 5.0), (3.0, 0.0))) == ["4", "1", "0"]


def test_equal_points_are_both_on_the_front() -> None:
    assert find_front(points((1.0, 1.0), (1.0, 1.0))) == ["0", "1"]


@pytest.mark.parametrize(
    ("front", "reference", "volume"),
    [
        ([], (0.0, 0.0), 0.0),
        ([(3.0,), (5.0,)], (1.0,), 4.0),
        ([(1.0, 3.0), (2.0, 2.0), (3.0, 1.0)], (0.0, 0.0), 6.0),
        ([(1.0, 1.0, 1.0)], (0.0, 0.0, 0.0), 1.0),
        ([(1.0, 1.0, 2.0), (2.0, 2.0, 1.0)], (0.0, 0.0, 0.0), 5.0),  # 2 + 4 less the unit cube they share
    ],
)
def test_volume_is_what_the_points_cover_together(
    front: list[tuple[float, ...]], reference: tuple[float, ...], volume: float
) -> None:
    assert hypervolume(front, reference) == pytest.approx(volume)


def trial(name: str, value: float, latency: float | None, **fields: Any) -> TrialRecord:
    kpi = {"AP11": value} if latency is None else {"AP11": value, "latency_ms": latency}
    known = {"state": TrialState.SUCCEEDED, "value": value, "best_epoch": 1, **fields}
    return TrialRecord(TrialId(name), {}, reports=(Report(1, 1, value, kpi),), **known)


def test_summary_of_a_study_with_two_objectives() -> None:
    records = [
        trial("0", 50.0, 40.0),
        trial("1", 60.0, 60.0),
        trial("2", 45.0, 70.0),
        trial("3", 90.0, None),
        trial("4", 99.0, 1.0, state=TrialState.FAILED),
        trial("5", 99.0, 1.0, role=Role.CONFIRM),
    ]
    found = summarize_front(records, [AP, LATENCY])
    assert found is not None
    assert found["front"] == [
        {"trial": "1", "values": {"AP11": 60.0, "latency_ms": 60.0}},
        {"trial": "0", "values": {"AP11": 50.0, "latency_ms": 40.0}},
    ]
    assert found["reference"] == {"AP11": 45.0, "latency_ms": 70.0}
    assert found["hypervolume"] == pytest.approx(5 * 30 + 10 * 10)


def test_one_objective_has_no_front_and_no_trial_none_either() -> None:
    assert summarize_front([trial("0", 50.0, 40.0)], [AP]) is None
    empty = summarize_front([], [AP, LATENCY])
    assert empty is not None
    assert (empty["front"], empty["hypervolume"], empty["reference"]) == ([], 0.0, None)
