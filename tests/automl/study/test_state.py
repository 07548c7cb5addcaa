import tracemalloc
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from automl.study.events import (
    EpochReported,
    EventLog,
    StudyEnded,
    StudyStarted,
    TrialEnded,
    TrialPaused,
    TrialQueued,
    TrialStarted,
    TrialSuggested,
)
from automl.study.state import Phase, StudyState, read_state
from automl.types import ALLOWED_MOVES, Cause, Metric, Origin, Report, Role, TrialId, TrialState


def trial(state: StudyState, name: str, values: list[float | None], at: float = 10.0) -> None:
    state.apply(TrialSuggested(TrialId(name), {"lr": 1.0}), at)
    state.apply(TrialStarted(TrialId(name)), at)
    for epoch, value in enumerate(values, 1):
        state.apply(EpochReported(TrialId(name), Report(epoch, len(values), value)), at + epoch)


def end(state: StudyState, name: str, outcome: TrialState, at: float = 20.0) -> None:
    state.apply(TrialEnded(TrialId(name), outcome, Cause.NONE), at)


def test_best_epoch_stands_for_the_trial(metric: Metric) -> None:
    state = StudyState(metric)
    trial(state, "0", [10.0, 40.0, None, 30.0])
    record = state.records[TrialId("0")]
    assert (record.value, record.best_epoch, record.epochs) == (40.0, 2, 4)


def test_epochs_and_seconds_add_up_over_trials(metric: Metric) -> None:
    state = StudyState(metric)
    trial(state, "0", [1.0, 2.0], at=10.0)
    trial(state, "1", [1.0], at=12.0)
    end(state, "0", TrialState.SUCCEEDED, at=20.0)
    end(state, "1", TrialState.PRUNED, at=15.0)
    assert (state.epochs_total, state.trial_seconds) == (3, 13.0)


def test_epoch_told_twice_counts_once_and_the_later_telling_holds(metric: Metric) -> None:
    state = StudyState(metric)
    trial(state, "0", [1.0, None])
    state.apply(EpochReported(TrialId("0"), Report(2, 2, 7.0)), 13.0)
    assert (state.epochs_total, state.records[TrialId("0")].value) == (2, 7.0)


def test_incumbent_is_the_first_of_equals_and_may_be_a_stopped_trial(metric: Metric) -> None:
    state = StudyState(metric)
    for name, value in (("0", 10.0), ("1", 50.0), ("2", 50.0)):
        trial(state, name, [value])
        end(state, name, TrialState.PRUNED)
    assert state.incumbent is state.records[TrialId("1")]


def test_failed_trial_loses_the_lead_to_the_next_best(metric: Metric) -> None:
    state = StudyState(metric)
    for name, value in (("0", 10.0), ("1", 30.0), ("2", 50.0)):
        trial(state, name, [value])
    assert state.incumbent is state.records[TrialId("2")]
    end(state, "2", TrialState.FAILED)
    assert state.incumbent is state.records[TrialId("1")]


def test_study_without_scores_has_no_incumbent(metric: Metric) -> None:
    state = StudyState(metric)
    trial(state, "0", [None])
    assert state.incumbent is None


def test_pause_stops_the_clock_of_the_trial(metric: Metric) -> None:
    state = StudyState(metric)
    trial(state, "0", [1.0], at=10.0)
    state.apply(TrialPaused(TrialId("0")), 14.0)
    record = state.records[TrialId("0")]
    assert (record.state, record.seconds) == (TrialState.PAUSED, 4.0)


def test_time_between_two_controllers_belongs_to_nobody(metric: Metric) -> None:
    state = StudyState(metric)
    state.apply(StudyStarted(7, 99, "node1"), 8.0)
    trial(state, "0", [1.0], at=10.0)
    state.apply(StudyStarted(8, 500, "node2"), 1000.0)
    state.apply(TrialQueued(TrialId("0"), "the study goes on"), 1001.0)
    state.apply(TrialStarted(TrialId("0")), 1002.0)
    end(state, "0", TrialState.SUCCEEDED, at=1004.0)
    assert (state.spent_s, state.taken_at, state.host) == (3.0, 1000.0, "node2")
    assert (state.trial_seconds, state.records[TrialId("0")].seconds, state.running) == (3.0, 3.0, {})


def test_repeats_and_continuations_are_no_trials_of_the_budget(metric: Metric) -> None:
    state = StudyState(metric)
    state.apply(TrialSuggested(TrialId("0"), {}), 1.0)
    state.apply(TrialSuggested(TrialId("1"), {}, role=Role.CONFIRM, seed=1), 1.0)
    state.apply(TrialSuggested(TrialId("2"), {}, origin=Origin(TrialId("0"), 3)), 1.0)
    assert state.trials_begun == 1


def test_phase_follows_start_and_end(metric: Metric) -> None:
    state = StudyState(metric)
    state.apply(StudyStarted(7, 99), 1.0)
    assert (state.phase, state.pid, state.started_at) == (Phase.RUNNING, 7, 1.0)
    state.apply(TrialSuggested(TrialId("0"), {}), 2.0)
    verdict = {"winner": {"trial": "0"}, "gain_val": 2.0}
    state.apply(StudyEnded("finished", verdict), 5.0)
    assert (state.phase, state.verdict, state.changed_at) == (Phase.FINISHED, verdict, 5.0)


def test_final_states_allow_no_move() -> None:
    finals = {TrialState.SUCCEEDED, TrialState.PRUNED, TrialState.FAILED, TrialState.CANCELLED}
    assert (
        {state for state in TrialState if state.is_final}
        == finals
        == set(TrialState) - {state for state, moves in ALLOWED_MOVES.items() if moves}
    )
    life = [TrialState.QUEUED, TrialState.RUNNING, TrialState.PAUSED, TrialState.QUEUED]
    assert all(before.may_become(after) for before, after in pairwise(life))


def test_last_of_equal_epochs_stands_for_the_trial(metric: Metric) -> None:
    reports = [Report(epoch, 4, value) for epoch, value in enumerate((0.0, 5.0, 5.0, None), 1)]
    assert metric.standing(reports) == reports[2]
    assert metric.standing([Report(1, 1, None)]) is None


def test_incumbent_falls_with_its_last_epochs_where_these_stand_for_a_trial(metric: Metric) -> None:
    state = StudyState(replace(metric, mean_of_last=1))
    trial(state, "0", [30.0])
    trial(state, "1", [50.0, 40.0, 20.0])
    assert state.incumbent is state.records[TrialId("0")]
    assert (state.records[TrialId("1")].value, state.records[TrialId("1")].best_epoch) == (20.0, 3)


def test_incumbent_that_trains_its_best_epoch_again_has_to_reach_it_again(metric: Metric) -> None:
    state = StudyState(metric)
    trial(state, "0", [30.0])
    trial(state, "1", [10.0, 50.0])
    state.apply(EpochReported(TrialId("1"), Report(2, 2, 20.0)), 13.0)
    assert state.incumbent is state.records[TrialId("0")]


def test_parameters_that_share_a_number_are_not_the_same(metric: Metric) -> None:
    state = StudyState(metric)
    for name, value in (("0", -1), ("1", -2), ("2", -1)):  # the number of -1 and -2 is one and the same
        state.apply(TrialSuggested(TrialId(name), {"x": value}), 1.0)
    assert [[r.id for r in state.list_same({"x": value})] for value in (-1, -2, -3)] == [
        ["0", "2"],
        ["1"],
        [],
    ]


def test_a_trial_is_remembered_in_little_more_than_a_kilobyte(metric: Metric, tmp_path: Path) -> None:
    names = [f"train.parameter_{number}" for number in range(4)]
    with EventLog(tmp_path / "events.jsonl") as log:
        for number in range(100):
            log.append(TrialSuggested(TrialId(str(number)), dict.fromkeys(names, number / 7)))
            log.append(TrialStarted(TrialId(str(number))))
            log.append(EpochReported(TrialId(str(number)), Report(1, 1, 1.0, {"AP11": number / 7})))
            log.append(TrialEnded(TrialId(str(number)), TrialState.SUCCEEDED))
    tracemalloc.start()
    state = read_state(tmp_path / "events.jsonl", metric)
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert taken / len(state.records) < 1200
