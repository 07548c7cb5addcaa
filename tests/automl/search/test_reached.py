"""Where a trial stands after each epoch."""

import pytest

from automl.search.reached import Reached
from automl.types import Direction, Metric, Report, TrialId

TRIAL = TrialId("1")


def stands(
    values: list[tuple[int, float | None]], *, last: int | None, minimize: bool = False
) -> list[float | None]:
    direction = Direction.MINIMIZE if minimize else Direction.MAXIMIZE
    reached = Reached(Metric("m", direction, mean_of_last=last))
    return [reached.take(TRIAL, Report(epoch, 9, value)) for epoch, value in values]


@pytest.mark.parametrize(
    ("last", "expected"), [(None, [3.0, 9.0, 9.0, 9.0]), (1, [3.0, 9.0, 6.0, 6.0]), (2, [3.0, 6.0, 7.5, 7.5])]
)
def test_best_or_last_epochs_stand_for_a_trial(last: int | None, expected: list[float]) -> None:
    assert stands([(1, 3.0), (2, 9.0), (3, 6.0), (4, None)], last=last) == expected


def test_smaller_is_better_where_the_metric_is_a_loss() -> None:
    assert stands([(1, 3.0), (2, 5.0)], last=None, minimize=True) == [-3.0, -3.0]
    assert stands([(1, 3.0), (2, 5.0)], last=1, minimize=True) == [-3.0, -5.0]


def test_nothing_stands_before_the_first_measurement() -> None:
    assert stands([(1, None), (2, 4.0)], last=None) == [None, 4.0]


def test_epochs_that_are_trained_again_replace_those_of_before() -> None:
    assert stands([(1, 3.0), (2, 9.0), (3, 8.0), (2, 4.0)], last=None) == [3.0, 9.0, 9.0, 4.0]


def test_trials_do_not_share_what_they_reached() -> None:
    reached = Reached(Metric("m", Direction.MAXIMIZE))
    reached.take(TRIAL, Report(1, 9, 7.0))
    assert reached.take(TrialId("2"), Report(1, 9, 2.0)) == 2.0
