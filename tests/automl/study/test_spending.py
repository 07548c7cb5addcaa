"""What may be spent on the search, and what is left for the finals."""

from typing import Any

import pytest

from automl.study.events import EpochReported, StudyStarted, TrialEnded, TrialStarted, TrialSuggested
from automl.study.spending import Spending
from automl.study.state import StudyState
from automl.types import Budget, Direction, Metric, Report, Resources, Role, TrialId, TrialState

ZERO = TrialId("0")
START_S = 1000.0


def spending_at(
    now_s: float, *, concurrent: int = 1, kept_back: float = 0.0, has_finals: bool = True, **limits: Any
) -> Spending:
    """One trial of 10 epochs took 100 s on two GPUs; the finals are six such trainings."""
    state = StudyState(Metric("AP11", Direction.MAXIMIZE))
    state.apply(StudyStarted(1, 1), START_S)
    state.apply(TrialSuggested(ZERO, {"lr": 1.0}), START_S)
    state.apply(TrialStarted(ZERO), START_S)
    state.apply(EpochReported(ZERO, Report(10, 10, 50.0)), START_S + 100)
    state.apply(TrialEnded(ZERO, TrialState.SUCCEEDED), START_S + 100)
    budget = Budget(99, 10, **limits, seeds=3, finalists=int(has_finals))
    resources = Resources(gpus_per_trial=2, max_concurrent=concurrent)
    return Spending(budget, resources, state, now=lambda: START_S + now_s, kept_back=kept_back)


@pytest.mark.parametrize(
    ("time_s", "concurrent", "search_ends_s"),
    [
        (2000, 1, 2000 - 6 * 120),  # a fifth more than the 100 s of a training so far
        (2000, 2, 2000 - 3 * 120),
        (2000, 6, 2000 - 120),
        (1000, 1, 500),  # never more than half
    ],
)
def test_search_leaves_the_time_of_the_finals(time_s: int, concurrent: int, search_ends_s: int) -> None:
    for now_s, is_over in ((search_ends_s - 1, False), (search_ends_s, True)):
        spending = spending_at(now_s, concurrent=concurrent, time_s=time_s)
        assert (spending.is_spent(Role.SEARCH), spending.is_spent()) == (is_over, False)
    assert spending_at(time_s, time_s=time_s).is_spent()


@pytest.mark.parametrize(("gpu_s", "is_over"), [(400, True), (401, False)])
def test_search_leaves_the_gpu_hours_of_the_finals(gpu_s: float, is_over: bool) -> None:
    spending = spending_at(100, gpu_hours=gpu_s / 3600)  # 200 GPU seconds are spent
    assert (spending.is_spent(Role.SEARCH), spending.is_spent()) == (is_over, False)


def test_without_finals_the_search_has_it_all() -> None:
    spending = spending_at(999, has_finals=False, time_s=1000.0)
    assert not spending.is_spent(Role.SEARCH)
    assert spending_at(1000, has_finals=False, time_s=1000.0).is_spent(Role.SEARCH)


def test_check_on_the_test_part_has_time_of_its_own() -> None:
    assert spending_at(900, kept_back=0.1, time_s=1000.0).is_spent()
    assert not spending_at(899, kept_back=0.1, time_s=1000.0).is_spent()


def test_search_is_over_for_good_once_a_repeat_began() -> None:
    spending = spending_at(100, time_s=1e9)
    assert not spending.is_spent(Role.SEARCH)
    spending._state.apply(TrialSuggested(TrialId("1"), {"lr": 1.0}, seed=1, role=Role.CONFIRM), START_S + 101)
    assert (spending.is_spent(Role.SEARCH), spending.is_spent(Role.CONFIRM)) == (True, False)


@pytest.mark.parametrize(("epochs", "fits"), [(20, True), (19, False)])
def test_repeat_that_would_be_cut_short_is_not_begun(epochs: int, fits: bool) -> None:
    assert spending_at(100, epochs=epochs).covers_repeat() is fits
