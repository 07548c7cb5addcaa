"""Objectives as they stand behind their flag."""

import pytest

from automl.errors import UsageError
from automl.planning.goals import parse_objectives
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
