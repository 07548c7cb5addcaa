import pytest

from automl.search.encoding import key_of
from automl.search.history import History, Standing
from automl.types import Cause, Direction, Metric, Report, TrialId, TrialRecord, TrialState

AP11 = Metric("AP11", Direction.MAXIMIZE)


def record(name: str, *values: float | None, state: TrialState, cause: Cause = Cause.NONE) -> TrialRecord:
    reports = tuple(Report(epoch, 9, value) for epoch, value in enumerate(values, 1))
    return TrialRecord(TrialId(name), {"x": int(name)}, state, cause, reports=reports)


def told(*records: TrialRecord, metric: Metric = AP11) -> History:
    history = History(metric)
    for one in records:
        history.adopt(TrialRecord(one.id, one.params))
        history.tell(one)
    return history


def test_a_curve_holds_the_best_so_far() -> None:
    (seen,) = told(record("0", 5.0, 3.0, None, 8.0, state=TrialState.SUCCEEDED))
    assert dict(seen.curve) == {1: 5.0, 2: 5.0, 4: 8.0}
    assert [seen.quality_at(epoch) for epoch in (2, 3, 4, 5)] == [5.0, 5.0, 8.0, None]


def test_quality_grows_when_a_metric_falls() -> None:
    loss = Metric("loss", Direction.MINIMIZE)
    (seen,) = told(record("0", 2.0, 1.0, 3.0, state=TrialState.SUCCEEDED), metric=loss)
    assert list(seen.curve.values()) == [-2.0, -1.0, -1.0]


def test_the_later_telling_replaces_the_earlier() -> None:
    history = told(record("0", 1.0, state=TrialState.PAUSED))
    history.tell(record("0", 1.0, 4.0, state=TrialState.SUCCEEDED))
    (seen,) = history
    assert (dict(seen.curve), seen.standing) == ({1: 1.0, 2: 4.0}, Standing.MEASURED)


@pytest.mark.parametrize("cause", [Cause.OUT_OF_MEMORY, Cause.DIVERGED, Cause.BAD_SPEC, Cause.NO_METRIC])
def test_a_configuration_that_cannot_be_trained_is_bad(cause: Cause) -> None:
    history = told(record("0", 50.0, state=TrialState.FAILED, cause=cause))
    assert [seen.trial for seen in history.bad()] == ["0"]
    assert history.measured() == []


@pytest.mark.parametrize("cause", [Cause.INFRASTRUCTURE, Cause.BAD_DATA])
def test_what_the_machine_did_is_forgotten_but_not_proposed_again(cause: Cause) -> None:
    history = told(record("0", 50.0, state=TrialState.FAILED, cause=cause))
    assert (list(history), history.tried) == ([], {key_of({"x": 0})})


def test_running_trials_are_pending_and_measured_as_far_as_they_came() -> None:
    history = told()
    history.adopt(TrialRecord(TrialId("0"), {"x": 0}))
    assert len(history.pending()) == len(history.unmeasured()) == 1
    history.observe(TrialId("0"), Report(1, 9, 7.0))
    assert (len(history.pending()), len(history.unmeasured()), len(history.measured())) == (1, 0, 1)


def test_trials_are_compared_at_the_highest_epoch_that_enough_have_come_to() -> None:
    history = told(
        record("0", 1.0, 2.0, 9.0, state=TrialState.SUCCEEDED),
        record("1", 5.0, 6.0, state=TrialState.PAUSED),
        record("2", 4.0, state=TrialState.PAUSED),
    )
    assert [(seen.trial, quality) for seen, quality in history.at_one_epoch(2)] == [("1", 6.0), ("0", 2.0)]
    assert [seen.trial for seen, _ in history.at_one_epoch(3)] == ["1", "2", "0"]
    assert [seen.trial for seen, _ in history.at_one_epoch(9)] == ["1", "2", "0"]


def test_of_each_last_epoch_the_foremost_are_the_best_in_the_order_of_their_beginning() -> None:
    paused = [record(str(name), float(name % 3), state=TrialState.PAUSED) for name in range(4)]
    done = record("9", 1.0, 4.0, state=TrialState.SUCCEEDED)
    history = told(*paused, done)
    assert [seen.trial for seen in history.foremost(2)] == ["1", "2", "9"]
    assert history.foremost(4) == history.measured()


def test_counts_and_lists_follow_a_trial_through_its_life() -> None:
    history = told(record("1", 2.0, state=TrialState.PAUSED))
    history.adopt(TrialRecord(TrialId("0"), {"x": 0}))
    history.observe(TrialId("0"), Report(1, 9, 7.0))
    assert [(seen.trial, value) for seen, value in history.at_one_epoch(2)] == [("0", 7.0), ("1", 2.0)]
    assert history.measured_count == 2
    history.tell(record("0", 7.0, state=TrialState.FAILED, cause=Cause.DIVERGED))
    assert (history.measured_count, history.pending()) == (1, [])
    assert [seen.trial for seen, _ in history.at_one_epoch(2)] == ["1"]
    history.tell(record("1", 2.0, state=TrialState.FAILED, cause=Cause.INFRASTRUCTURE))
    assert (history.measured_count, history.find(TrialId("1")), history.at_one_epoch(1)) == (0, None, [])


def test_one_that_was_forgotten_and_comes_again_comes_last() -> None:
    history = told(record("0", 1.0, state=TrialState.FAILED, cause=Cause.INFRASTRUCTURE))
    for name in ("1", "0", "2"):
        history.adopt(TrialRecord(TrialId(name), {"x": int(name)}))
    assert [seen.trial for seen in history.pending()] == ["1", "0", "2"] == [seen.trial for seen in history]
