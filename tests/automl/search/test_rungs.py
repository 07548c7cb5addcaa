import pytest

from automl.search.rungs import NeverStopper, SuccessiveHalving, rung_epochs
from automl.types import Direction, Metric, Report, TrialId

AP11 = Metric("AP11", Direction.MAXIMIZE)


@pytest.mark.parametrize(
    ("max_epochs", "rungs"),
    [
        (1, ()),
        (2, (1,)),
        (3, (2,)),
        (4, (3,)),
        (6, (3,)),
        (9, (3,)),
        (10, (3, 9)),
        (27, (3, 9)),
        (81, (3, 9, 27)),
    ],
)
def test_first_rung_stands_at_epoch_three_where_the_training_is_long_enough(
    max_epochs: int, rungs: tuple[int, ...]
) -> None:
    assert rung_epochs(max_epochs) == rungs


def decide(stopper: SuccessiveHalving, values: dict[str, float], epoch: int = 3) -> dict[str, bool]:
    return {
        trial: stopper.should_stop(TrialId(trial), Report(epoch, 6, value)) for trial, value in values.items()
    }


def test_best_third_of_a_rung_goes_on() -> None:
    decisions = decide(
        SuccessiveHalving(AP11, 6), {"a": 10.0, "b": 30.0, "c": 20.0, "d": 25.0, "e": 1.0, "f": 40.0}
    )
    assert decisions == {"a": False, "b": False, "c": True, "d": False, "e": True, "f": False}


def test_smaller_is_better_when_minimising() -> None:
    stopper = SuccessiveHalving(Metric("loss", Direction.MINIMIZE), 6)
    assert decide(stopper, {"a": 1.0, "b": 2.0, "c": 0.5}) == {"a": False, "b": True, "c": False}


def test_spared_trial_is_compared_with_but_never_stopped() -> None:
    stopper = SuccessiveHalving(AP11, 6, spared=frozenset({TrialId("0")}))
    assert decide(stopper, {"1": 50.0, "0": 5.0, "2": 4.0}) == {"1": False, "0": False, "2": True}


def test_epochs_between_rungs_decide_nothing() -> None:
    stopper = SuccessiveHalving(AP11, 27)
    decide(stopper, {"a": 50.0})
    assert [stopper.should_stop(TrialId("b"), Report(epoch, 27, 1.0)) for epoch in (1, 2, 4)] == [
        False,
        False,
        True,
    ]
    assert not stopper.should_stop(TrialId("b"), Report(5, 27, 1.0))


def test_trial_stands_at_a_rung_with_its_best_epoch_so_far() -> None:
    stopper = SuccessiveHalving(AP11, 6)
    decide(stopper, {"a": 40.0})
    stopper.should_stop(TrialId("b"), Report(2, 6, 45.0))
    assert not stopper.should_stop(TrialId("b"), Report(3, 6, 1.0))


def test_failed_measurement_decides_nothing() -> None:
    stopper = SuccessiveHalving(AP11, 6)
    decide(stopper, {"a": 40.0})
    assert not stopper.should_stop(TrialId("b"), Report(3, 6, None))
    assert stopper.should_stop(TrialId("b"), Report(4, 6, 1.0))


def test_same_history_gives_the_same_rungs() -> None:
    history = {"a": 10.0, "b": 30.0, "c": 20.0}
    before, after = SuccessiveHalving(AP11, 6), SuccessiveHalving(AP11, 6)
    decide(before, history)
    decide(after, history)
    probe = {"x": 15.0, "y": 22.0, "z": 31.0}
    assert decide(before, probe) == decide(after, probe) == {"x": True, "y": False, "z": False}


def test_never_stopper_never_stops() -> None:
    assert not NeverStopper().should_stop(TrialId("0"), Report(3, 6, 0.0))
