"""Objectives as they stand behind their flag."""

import pytest

from automl.errors import UsageError
from automl.planning.goals import parse_objectives, parse_rank_by
from automl.request import RunRequest
from automl.types import Direction, Metric


def test_objectives_are_read_in_their_order() -> None:
    found = parse_objectives(RunRequest(objectives=("AP11:maximize", "KITTI/a:b:minimize")))
    assert found == (Metric("AP11", Direction.MAXIMIZE), Metric("KITTI/a:b", Direction.MINIMIZE))


@pytest.mark.parametrize(
    ("objectives", "metric", "message"),
    [
        (("AP11",), None, "'AP11' is not an objective"),
        (("AP11:up", ":minimize"), None, "':minimize' is not an objective"),
        (("a:minimize", "a:maximize"), None, "an objective stands twice in a, a"),
        (("a:minimize",), "b", "b is to rank, but the first objective is a"),
    ],
)
def test_what_is_no_objective_is_refused(
    objectives: tuple[str, ...], metric: str | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        parse_objectives(RunRequest(objectives=objectives, metric=metric))


@pytest.mark.parametrize(("text", "mean_of_last"), [("best", None), ("last", 1), ("mean:3", 3)])
def test_rule_of_ranking_is_read_as_it_is_shown(text: str, mean_of_last: int | None) -> None:
    assert parse_rank_by(text) == mean_of_last
    assert Metric("AP11", Direction.MAXIMIZE, mean_of_last=mean_of_last).rank_by == text


@pytest.mark.parametrize("text", ["", "first", "mean", "mean:0", "mean:-1", "last:2"])
def test_what_is_no_rule_of_ranking_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="does not say which epochs stand for a trial"):
        parse_rank_by(text)
