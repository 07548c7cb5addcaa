import math

import pytest

from automl.ports import Decision
from automl.search.curves import CurveStopping, predict_final
from automl.search.paced import FullLength
from automl.types import Direction, Metric, Report, TrialId, TrialRecord

AP11 = Metric("AP11", Direction.MAXIMIZE)


def settling(top: float, rate: float, epochs: int) -> dict[int, float]:
    return {epoch: top * (1 - math.exp(-rate * epoch)) for epoch in range(1, epochs + 1)}


@pytest.mark.parametrize(("top", "rate"), [(70.0, 0.1), (70.0, 0.35), (40.0, 0.2)])
def test_a_curve_that_settles_is_continued(top: float, rate: float) -> None:
    mean, deviation = predict_final(settling(top, rate, 9), 27)
    truth = top * (1 - math.exp(-rate * 27))
    assert abs(mean - truth) < 3.0
    assert deviation < 6.0


def test_few_epochs_leave_much_open() -> None:
    short, long = (predict_final(settling(70.0, 0.1, epochs), 27)[1] for epochs in (3, 12))
    assert short > 2 * long


def stopping(best: float) -> CurveStopping:
    pacer = CurveStopping(FullLength(), AP11, 27, spared=frozenset({TrialId("0")}))
    for epoch, value in settling(best, 0.3, 27).items():
        pacer.on_report(TrialId("0"), Report(epoch, 27, value))
    return pacer


def test_a_trial_that_will_not_come_near_is_stopped() -> None:
    pacer = stopping(70.0)
    curve = settling(30.0, 0.3, 8)
    decisions = [pacer.on_report(TrialId("1"), Report(e, 27, v)) for e, v in curve.items()]
    assert decisions[:3] == [Decision.CONTINUE] * 3
    assert decisions[-1] is Decision.STOP


def test_a_slow_trial_that_will_end_higher_goes_on() -> None:
    pacer = stopping(60.0)
    curve = settling(95.0, 0.06, 12)
    assert all(pacer.on_report(TrialId("1"), Report(e, 27, v)) is Decision.CONTINUE for e, v in curve.items())


def test_nothing_is_stopped_before_one_was_trained_to_the_end() -> None:
    pacer = CurveStopping(FullLength(), AP11, 27)
    pacer.on_ended(TrialRecord(TrialId("9"), {}))
    assert pacer.on_report(TrialId("1"), Report(9, 27, 0.1)) is Decision.CONTINUE


def test_nobody_is_stopped_by_epochs_that_said_nothing_of_a_finished_trial() -> None:
    pacer = CurveStopping(FullLength(), AP11, 27, spared=frozenset({TrialId("0")}))
    quiet = [6.0 + 0.2 * (-1) ** epoch for epoch in range(1, 9)]
    late = quiet + [60.0 * (1 - math.exp(-0.4 * epoch)) for epoch in range(1, 20)]
    for epoch, value in enumerate(late, 1):
        pacer.on_report(TrialId("0"), Report(epoch, 27, value))
    decisions = [pacer.on_report(TrialId("1"), Report(e, 27, 0.9 * v)) for e, v in enumerate(quiet, 1)]
    assert decisions == [Decision.CONTINUE] * 8
