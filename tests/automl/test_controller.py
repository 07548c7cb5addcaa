import errno
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
from fake_ports import ListSearcher, ListStrategy, RecordingTracker, ScriptedJob

from automl.adapters.sequential import SequentialScheduler
from automl.controller import Ports, StudyPlan, run_study
from automl.errors import EnvironmentUnusableError, SpecError, UsageError
from automl.ports import Decision, JobFactory, Launch, StudyDriver
from automl.search.paced import PacedSearch
from automl.search.rungs import SuccessiveHalving
from automl.study.events import Event, EventLog, TrialPaused, TrialQueued, read_events
from automl.study.state import StudyState, read_state
from automl.study.store import StudyFolder, new_folder
from automl.study.summary import read_summary
from automl.trials.folder import TrialFolder
from automl.types import Budget, Cause, Metric, Report, Resources, Spec, StudySheet, TrialId, TrialRecord

Curve = Sequence[float | str | None]


class Bench:
    """A study of scripted trials."""

    def __init__(self, tmp_path: Path, metric: Metric, *curves: Curve, **budget: Any) -> None:
        self.folder = new_folder(tmp_path, "study")
        limits = Budget(**{"trials": len(curves), "max_epochs": max(map(len, curves)), **budget})
        sheet = StudySheet(self.folder.id, self.folder.root, "fake", metric, limits, {"parameters": []})
        self.folder.write_sheet(sheet, {})
        self.plan = StudyPlan(sheet, Resources(gpus_per_trial=1), self.make_spec, ScriptedJob)
        self.strategy = ListStrategy(curves)
        self.tracker = RecordingTracker()
        self.ports = Ports(self.strategy, SequentialScheduler(), [self.tracker])

    @staticmethod
    def make_spec(record: TrialRecord, folder: TrialFolder) -> Spec:
        if record.params["curve"] == ():
            raise SpecError("lr is 7, at most 1 is allowed", where="trial parameters:lr")
        return {"results_dir": str(folder.root), **record.params}

    def run(self, **ports: Any) -> StudyState:
        return run_study(self.plan, replace(self.ports, **ports))

    def outcomes(self, state: StudyState) -> list[tuple[str, str, float | None]]:
        return [(r.state.value, r.cause.value, r.value) for r in state.records.values()]

    def checkpoints(self, trial: str) -> list[int]:
        return [c.epoch for c in self.folder.trial(TrialId(trial)).list_checkpoints()]


def test_best_trial_wins_and_its_files_are_laid_out(tmp_path: Path, metric: Metric) -> None:
    bench = Bench(tmp_path, metric, [10.0, 20.0], [50.0, 40.0], [30.0, 35.0])
    state = bench.run()
    best = bench.folder.best
    assert (state.phase.value, state.incumbent and state.incumbent.id) == ("finished", "1")
    assert (best / "checkpoint.pth").read_text() == "weights of epoch 1"
    assert (best / "spec.yaml").read_text() == bench.folder.trial(TrialId("1")).spec.read_text()
    metrics = json.loads((best / "metrics.json").read_text())
    assert (metrics["trial"], metrics["epoch"], metrics["value"], metrics["kpi"]) == (
        "1",
        1,
        50.0,
        {"AP11": 50.0},
    )


def test_only_default_and_winner_keep_their_best_checkpoint(tmp_path: Path, metric: Metric) -> None:
    bench = Bench(tmp_path, metric, [20.0, 10.0], [30.0, 25.0], [40.0, 45.0], [5.0, 6.0])
    bench.run()
    assert [bench.checkpoints(trial) for trial in "0123"] == [[1], [], [2], []]


def test_running_trial_keeps_best_and_newest_checkpoint(tmp_path: Path, metric: Metric) -> None:
    bench = Bench(tmp_path, metric, [30.0, 90.0, 20.0, 10.0])
    seen = []

    class Spy(ListStrategy):
        def on_report(self, trial: TrialId, report: Report) -> Decision:
            seen.append(bench.checkpoints(trial))
            return Decision.CONTINUE

    bench.run(strategy=Spy([[30.0, 90.0, 20.0, 10.0]]))
    assert [*seen, bench.checkpoints("0")] == [[1], [1, 2], [2, 3], [2, 3, 4], [2]]


def test_state_rebuilt_from_events_equals_the_one_that_ran(tmp_path: Path, metric: Metric) -> None:
    bench = Bench(tmp_path, metric, [10.0, 20.0], [50.0, "diverged"], [30.0, 35.0])
    assert bench.run() == read_state(bench.folder.events, metric)


def test_trial_that_is_never_promoted_is_pruned_and_the_default_is_not(
    tmp_path: Path, metric: Metric
) -> None:
    bench = Bench(tmp_path, metric, [1.0] * 6, [10.0] * 6, [50.0] * 6, [20.0] * 6)
    rungs = SuccessiveHalving(metric, 6, spared=frozenset({TrialId("0")}))
    state = bench.run(strategy=PacedSearch(ListSearcher(bench.strategy.curves), rungs))
    assert bench.outcomes(state) == [
        ("succeeded", "", 1.0), ("pruned", "early_stopped", 10.0), ("succeeded", "", 50.0),
        ("pruned", "early_stopped", 20.0),
    ]  # fmt: skip
    assert [record.epochs for record in state.records.values()] == [6, 3, 6, 3]


def test_failed_trial_is_a_state_with_cause_and_evidence(tmp_path: Path, metric: Metric) -> None:
    bench = Bench(tmp_path, metric, [10.0, 10.0], ["out_of_memory"], [90.0, "diverged"], [20.0, 20.0])
    state = bench.run()
    assert bench.outcomes(state)[1:3] == [("failed", "out_of_memory", None), ("failed", "diverged", 90.0)]
    assert state.records[TrialId("1")].evidence == "scripted out_of_memory"
    assert state.incumbent is state.records[TrialId("3")]


def test_trial_without_a_measurement_fails(tmp_path: Path, metric: Metric) -> None:
    bench = Bench(tmp_path, metric, [10.0, 10.0], [None, None])
    assert bench.outcomes(bench.run())[1] == ("failed", "no_metric", None)


def test_contradictory_parameters_fail_without_a_launch(tmp_path: Path, metric: Metric) -> None:
    bench = Bench(tmp_path, metric, [10.0], [], [20.0])
    state = bench.run()
    assert bench.outcomes(state) == [
        ("succeeded", "", 10.0),
        ("failed", "bad_spec", None),
        ("succeeded", "", 20.0),
    ]
    assert "lr is 7, at most 1 is allowed" in state.records[TrialId("1")].evidence


def test_strategy_hears_every_epoch_and_every_end(tmp_path: Path, metric: Metric) -> None:
    bench = Bench(tmp_path, metric, [10.0, 20.0], ["diverged"])
    bench.run()
    assert [(trial, report.value) for trial, report in bench.strategy.observed] == [("0", 10.0), ("0", 20.0)]
    assert [(r.id, r.value, r.cause) for r in bench.strategy.told] == [
        ("0", 20.0, ""),
        ("1", None, Cause.DIVERGED),
    ]


def test_tracker_hears_the_study_in_order(tmp_path: Path, metric: Metric) -> None:
    bench = Bench(tmp_path, metric, [10.0], [20.0], [15.0])
    bench.run()
    assert bench.tracker.calls == [
        ("study_started", bench.folder.id),
        ("trial_started", "0"), ("trial_reported", ("0", 1)), ("trial_ended", ("0", "succeeded", True)),
        ("trial_started", "1"), ("trial_reported", ("1", 1)), ("trial_ended", ("1", "succeeded", True)),
        ("trial_started", "2"), ("trial_reported", ("2", 1)), ("trial_ended", ("2", "succeeded", False)),
        ("study_ended", ("finished", ["0", "1"])),
    ]  # fmt: skip


def test_epoch_budget_ends_the_study_in_the_middle_of_a_trial(tmp_path: Path, metric: Metric) -> None:
    bench = Bench(tmp_path, metric, [10.0] * 4, [20.0] * 4, [30.0] * 4, epochs=6)
    state = bench.run()
    assert bench.outcomes(state) == [("succeeded", "", 10.0), ("cancelled", "budget", 20.0)]
    assert (state.epochs_total, state.incumbent and state.incumbent.id) == (6, "1")


@pytest.mark.parametrize("limit", [{"time_s": 1e-9}, {"gpu_hours": 1e-12}])
def test_spent_budget_starts_nothing_more(tmp_path: Path, metric: Metric, limit: dict[str, float]) -> None:
    bench = Bench(tmp_path, metric, [10.0] * 3, [20.0] * 3, **limit)
    assert len(bench.run().records) <= 1


def test_exhausted_space_ends_the_study(tmp_path: Path, metric: Metric) -> None:
    bench = Bench(tmp_path, metric, [10.0], [20.0], trials=9)
    assert len(bench.run().records) == 2


def test_study_without_a_score_fails(tmp_path: Path, metric: Metric) -> None:
    bench = Bench(tmp_path, metric, ["diverged"], ["bad_spec"])
    state = bench.run()
    assert (state.phase.value, state.incumbent, state.verdict) == ("failed", None, None)
    assert not bench.folder.best.exists()


def test_test_part_is_opened_once_for_default_and_winner(tmp_path: Path, metric: Metric) -> None:
    bench = Bench(tmp_path, metric, [10.0], [50.0], [30.0])
    asked: list[list[str]] = []

    def check(records: Any) -> dict[TrialId, float]:
        asked.append([record.id for record in records])
        return {TrialId("0"): 8.0, TrialId("1"): 44.0}

    state = bench.run(final_check=check)
    assert asked == [["0", "1"]]
    assert state.verdict is not None
    assert (state.verdict["gain_val"], state.verdict["gain_test"]) == (40.0, 36.0)
    assert json.loads((bench.folder.best / "metrics.json").read_text())["test"] == 44.0


class InterruptedJob(ScriptedJob):
    """The user presses Ctrl-C in the second epoch of trial 1."""

    def next_report(self) -> Any:
        if self.folder.root.name == "1" and self.epoch == 1:
            raise KeyboardInterrupt
        return super().next_report()


def test_interrupt_pauses_the_running_trial_and_keeps_what_it_needs(tmp_path: Path, metric: Metric) -> None:
    bench = Bench(tmp_path, metric, [50.0, 50.0], [10.0, 20.0], [30.0, 30.0])
    bench.plan = replace(bench.plan, make_job=InterruptedJob)
    with pytest.raises(KeyboardInterrupt):
        bench.run()
    found = read_summary(StudyFolder(bench.folder.root))
    assert (found["state"], [trial["state"] for trial in found["trials"]]) == (
        "interrupted",
        ["succeeded", "paused"],
    )
    assert bench.checkpoints("1") == [1]


def test_paused_trial_goes_on_from_its_checkpoint_when_promoted(tmp_path: Path, metric: Metric) -> None:
    bench = Bench(tmp_path, metric, [10.0, 20.0, 30.0], [15.0, 16.0, 17.0])
    bench.strategy.decisions = {("0", 1): Decision.PAUSE}
    bench.strategy.promotes = True
    state = bench.run()
    assert bench.outcomes(state) == [("succeeded", "", 30.0), ("succeeded", "", 17.0)]
    assert state.epochs_total == 6
    assert bench.strategy.calls == [
        ("suggested", "0"), ("paused", "0"), ("suggested", "1"), ("ended", "1"),
        ("queued", "0"), ("ended", "0"),
    ]  # fmt: skip


def test_lost_machine_costs_a_launch_and_nothing_else(tmp_path: Path, metric: Metric) -> None:
    bench = Bench(tmp_path, metric, [10.0, "once infrastructure", 30.0])
    state = bench.run()
    record = state.records[TrialId("0")]
    assert bench.outcomes(state) == [("succeeded", "", 30.0)]
    assert (record.failures, state.epochs_total) == ((Cause.INFRASTRUCTURE,), 3)


def test_third_lost_machine_ends_the_trial(tmp_path: Path, metric: Metric) -> None:
    bench = Bench(tmp_path, metric, [10.0, "infrastructure"])
    state = bench.run()
    assert bench.outcomes(state) == [("failed", "infrastructure", 10.0)]
    assert state.records[TrialId("0")].failures == (Cause.INFRASTRUCTURE,) * 2


def test_interrupted_study_goes_on_and_ends_like_an_uninterrupted_one(tmp_path: Path, metric: Metric) -> None:
    curves = ([50.0, 51.0], [10.0, 20.0], [30.0, 60.0])
    whole, broken = (Bench(tmp_path / name, metric, *curves) for name in ("whole", "broken"))
    broken.plan = replace(broken.plan, make_job=InterruptedJob)
    with pytest.raises(KeyboardInterrupt):
        broken.run()
    heard = list(broken.strategy.observed)
    broken.plan, broken.ports = whole_plan(broken), replace(broken.ports, strategy=ListStrategy(curves))
    state, expected = broken.run(), whole.run()
    assert broken.outcomes(state) == whole.outcomes(expected)
    assert (state.epochs_total, state.incumbent and state.incumbent.id) == (6, "2")
    assert broken.ports.strategy.observed[: len(heard)] == heard  # type: ignore[attr-defined]


def whole_plan(bench: Bench) -> StudyPlan:
    return replace(bench.plan, make_job=ScriptedJob)


class Crash(BaseException):
    """The controller is killed: nothing runs after it, and nothing more is written."""


class CrashingLog(EventLog):
    """Crashes when it should write its n-th event, before or after that is on disk."""

    left: ClassVar[int]
    is_written: ClassVar[bool]

    def append(self, event: Event) -> float:
        CrashingLog.left -= 1
        if CrashingLog.left > 0:
            return super().append(event)
        if CrashingLog.left == 0 and self.is_written:
            super().append(event)
        raise Crash


RUNGS_WITH_A_PROMOTION = (
    [5.0] * 6, [50.0, 51.0, 52.0, 53.0, 54.0, 55.0], [40.0] * 6, [1.0] * 6, [2.0] * 6, [3.0] * 6,
    [60.0] * 4 + ["diverged"], [70.0, "once infrastructure", 70.0, 71.0, 72.0, 73.0],
)  # fmt: skip


@pytest.mark.parametrize("step", [9, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("budget", [{}, {"epochs": 25}])
@pytest.mark.parametrize("is_written", [False, True])
def test_killed_at_any_event_a_study_ends_as_if_nothing_had_happened(
    tmp_path: Path, metric: Metric, monkeypatch: pytest.MonkeyPatch,
    step: int, is_written: bool, budget: dict[str, int],
) -> None:  # fmt: skip
    monkeypatch.setattr(os, "fsync", lambda _: None)

    def make(name: str) -> Bench:
        return Bench(tmp_path / name, metric, *RUNGS_WITH_A_PROMOTION, **budget)

    def run(bench: Bench) -> StudyState:
        rungs = SuccessiveHalving(metric, 6, spared=frozenset({TrialId("0")}))
        return bench.run(strategy=PacedSearch(ListSearcher(bench.strategy.curves), rungs))

    def table(bench: Bench, state: StudyState) -> list[object]:
        rows = [(r.id, r.state, r.cause, r.value, r.epochs) for r in state.records.values()]
        return [*rows, [bench.checkpoints(trial) for trial in state.records], state.epochs_total]

    whole = make("whole")
    expected = table(whole, run(whole))
    events = list(read_events(whole.folder.events))
    assert budget or {TrialPaused, TrialQueued} <= {type(event) for _, event in events}
    for place in range(step, len(events) + 1, step):
        broken = make(f"broken_{place}")
        CrashingLog.left, CrashingLog.is_written = place, is_written
        with monkeypatch.context() as patch:
            patch.setattr("automl.controller.EventLog", CrashingLog)
            with pytest.raises(Crash):
                run(broken)
        assert table(broken, run(broken)) == expected, f"killed at event {place}: {events[place - 1]}"


def test_no_epoch_beyond_the_budget_is_taken_in(tmp_path: Path, metric: Metric) -> None:
    """Of trials side by side, several may bring an epoch when only one is left."""

    class Greedy:
        def run(self, driver: StudyDriver, make_job: JobFactory) -> None:
            launches = [launch for _ in "012" if isinstance(launch := driver.next_trial(), Launch)]
            jobs = {launch.trial: make_job(launch) for launch in launches}
            for launch in launches:
                driver.on_start(launch.trial)
            asked = {trial: driver.on_report(trial, report) for _ in "012" for trial, job in jobs.items()
                     if (report := job.next_report())}  # fmt: skip
            assert set(asked.values()) == {True}
            for trial in jobs:
                driver.on_end(trial, None)

    state = Bench(tmp_path, metric, [1.0] * 5, [2.0] * 5, [3.0] * 5, epochs=7).run(scheduler=Greedy())
    assert (state.epochs_total, [r.epochs for r in state.records.values()]) == (7, [3, 2, 2])
    assert {r.cause for r in state.records.values()} == {Cause.BUDGET}


def test_full_disk_ends_the_study_without_losing_what_was_written(
    tmp_path: Path, metric: Metric, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, metric, [10.0, 20.0], [30.0, 40.0], [50.0, 60.0])
    before = os.write

    def write(descriptor: int, data: Any) -> int:
        if b'"epoch": 2' in bytes(data) and b'"trial": "1"' in bytes(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return before(descriptor, data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write)
        with pytest.raises(EnvironmentUnusableError, match="No space left on device") as caught:
            bench.run()
    assert caught.value.exit_code == 3
    state = bench.run(strategy=ListStrategy(bench.strategy.curves))
    assert bench.outcomes(state) == [
        ("succeeded", "", 20.0),
        ("succeeded", "", 40.0),
        ("succeeded", "", 60.0),
    ]


def test_two_controllers_never_have_one_study(tmp_path: Path, metric: Metric) -> None:
    bench = Bench(tmp_path, metric, [10.0], [20.0])
    refusals: list[str] = []

    class Rival(ListStrategy):
        def on_report(self, trial: TrialId, report: Report) -> Decision:
            with pytest.raises(UsageError) as caught:
                bench.run()
            refusals.append(str(caught.value))
            return Decision.CONTINUE

    state = bench.run(strategy=Rival(bench.strategy.curves))
    assert (len(refusals), len(state.records)) == (2, 2)
    assert f"{bench.folder.id} is run by a living controller" in refusals[0]


def test_study_that_outgrows_its_quota_waits_for_its_user(tmp_path: Path, metric: Metric) -> None:
    bench = Bench(tmp_path, metric, [10.0], [20.0], disk_bytes=400)
    with pytest.raises(EnvironmentUnusableError, match=r"--disk-quota: takes .*\n.*automl resume") as caught:
        bench.run()
    assert caught.value.exit_code == 3
    assert read_summary(bench.folder)["state"] == "interrupted"


def test_trial_that_a_full_disk_ended_goes_on_when_there_is_room(
    tmp_path: Path, metric: Metric, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(tmp_path, metric, [10.0, "once infrastructure", 30.0], [20.0] * 3)
    with monkeypatch.context() as patch:
        patch.setattr("automl.study.disk.DiskWatch.has_room", lambda _: False)
        state = bench.run()
    assert bench.outcomes(state) == [("succeeded", "", 30.0), ("succeeded", "", 20.0)]
    assert state.records[TrialId("0")].failures == ()
