"""The comparison of a few trainings with a few others, against textbook figures and scipy."""

import numpy as np
import pytest
from scipy import stats

from automl.study.statistics import compare_with_control


def test_one_treatment_is_students_t() -> None:
    control, chosen = [61.0, 63.0, 62.0], [64.0, 66.5, 65.0]
    found = compare_with_control(control, chosen)
    expected = stats.ttest_ind(chosen, control)
    low, high = expected.confidence_interval(0.90)
    assert found.difference == pytest.approx(np.mean(chosen) - 62.0)
    assert found.interval == pytest.approx((low, high), abs=0.03)
    assert found.probability == pytest.approx(1 - expected.pvalue / 2, abs=2e-3)


def test_best_of_several_is_held_against_the_largest_chance_difference() -> None:
    # Dunnett (1955): one-sided 5 % point for 3 treatments and 8 degrees of freedom is 2.42
    control, chosen, second, third = (
        [10.0, 11.0, 12.0],
        [13.0, 14.0, 15.0],
        [9.0, 10.0, 11.0],
        [10.0, 9.0, 8.0],
    )
    found = compare_with_control(control, chosen, second, third)
    error = (1.0 * (1 / 3 + 1 / 3)) ** 0.5
    assert found.interval == pytest.approx((3 - 2.42 * error, 3 + 2.42 * error), abs=0.02)
    reference = stats.dunnett(chosen, second, third, control=control, alternative="greater", random_state=0)
    assert found.probability == pytest.approx(1 - reference.pvalue[0], abs=3e-3)


def test_having_been_chosen_among_more_makes_less_sure() -> None:
    control, chosen = [10.0, 12.0], [12.0, 14.0]
    alone = compare_with_control(control, chosen).probability
    chosen_of_three = compare_with_control(control, chosen, [10.0, 12.0], [9.0, 11.0]).probability
    assert (alone, chosen_of_three) == (pytest.approx(0.853, abs=3e-3), pytest.approx(0.767, abs=3e-3))


@pytest.mark.parametrize(("control", "chosen"), [([50.0], [55.0]), ([50.0, 50.0], [55.0, 55.0])])
def test_without_spread_nothing_is_said_of_chance(control: list[float], chosen: list[float]) -> None:
    found = compare_with_control(control, chosen)
    assert (found.difference, found.interval, found.probability) == (5.0, None, None)


def test_same_figures_give_the_same_answer() -> None:
    figures = ([1.0, 2.0], [2.0, 4.0], [1.0, 1.5])
    assert compare_with_control(*figures) == compare_with_control(*figures)
