import pytest

from automl.ports import Decision
from automl.search.paced import FullLength
from automl.search.rungs import SuccessiveHalving, rung_epochs
from automl.types import Direction, Metric, Report, TrialId, TrialRecord

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
    return {trial: is_paused(stopper, trial, epoch, value) for trial, value in values.items()}


def is_paused(stopper: SuccessiveHalving, trial: str, epoch: int, value: float | None) -> bool:
    return stopper.on_report(TrialId(trial), Report(epoch, 6, value)) is Decision.PAUSE


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
    assert [is_paused(stopper, "b", epoch, 1.0) for epoch in (1, 2, 4)] == [
        False,
        False,
        True,
    ]
    assert not is_paused(stopper, "b", 5, 1.0)


def test_trial_stands_at_a_rung_with_its_best_epoch_so_far() -> None:
    stopper = SuccessiveHalving(AP11, 6)
    decide(stopper, {"a": 40.0})
    is_paused(stopper, "b", 2, 45.0)
    assert not is_paused(stopper, "b", 3, 1.0)


def test_failed_measurement_decides_nothing() -> None:
    stopper = SuccessiveHalving(AP11, 6)
    decide(stopper, {"a": 40.0})
    assert not is_paused(stopper, "b", 3, None)
    assert is_paused(stopper, "b", 4, 1.0)


def test_same_history_gives_the_same_rungs() -> None:
    history = {"a": 10.0, "b": 30.0, "c": 20.0}
    before, after = SuccessiveHalving(AP11, 6), SuccessiveHalving(AP11, 6)
    decide(before, history)
    decide(after, history)
    probe = {"x": 15.0, "y": 22.0, "z": 31.0}
    assert decide(before, probe) == decide(after, probe) == {"x": True, "y": False, "z": False}


def test_paused_trial_is_promoted_once_enough_came_to_its_rung() -> None:
    rungs = SuccessiveHalving(AP11, 27)
    paused = decide(rungs, {"a": 50.0, "b": 30.0, "c": 20.0, "d": 40.0, "e": 10.0})
    assert paused == {"a": False, "b": True, "c": True, "d": False, "e": True}
    assert rungs.next_promotion() is None
    decide(rungs, {"f": 5.0, "g": 4.0, "h": 3.0, "i": 2.0})
    promotion = rungs.next_promotion()
    assert promotion is not None
    assert (promotion.trial, promotion.reason) == ("b", "among the best 3 of 9 at epoch 3")
    rungs.on_queued(TrialRecord(TrialId("b"), {}))
    assert rungs.next_promotion() is None


def test_asking_for_a_promotion_leaves_no_trace() -> None:
    rungs = SuccessiveHalving(AP11, 6)
    decide(rungs, {"a": 50.0, "b": 10.0, "c": 60.0, "d": 55.0, "e": 1.0, "f": 2.0})
    assert rungs.next_promotion() == rungs.next_promotion()


def test_trial_that_ended_is_not_promoted() -> None:
    rungs = SuccessiveHalving(AP11, 6)
    decide(rungs, {"a": 50.0, "b": 10.0, "c": 1.0, "d": 2.0, "e": 3.0, "f": 4.0})
    promotion = rungs.next_promotion()
    assert promotion is not None
    rungs.on_ended(TrialRecord(promotion.trial, {}))
    assert rungs.next_promotion() is None


def test_full_length_never_pauses() -> None:
    assert FullLength().on_report(TrialId("0"), Report(3, 6, 0.0)) is Decision.CONTINUE
