from pathlib import Path

import pytest

from automl.simulation import TrialTimes, measure_times
from automl.study import events as log
from automl.study.clock import SteadyClock
from automl.study.events import (
    EpochReported,
    EventLog,
    TrialPaused,
    TrialQueued,
    TrialStarted,
    TrialSuggested,
)
from automl.study.store import StudyFolder, new_folder
from automl.types import Budget, Cause, Direction, Metric, Report, StudySheet, TrialId

TRIAL = TrialId("0")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that every event is stamped with, in order."""
    stamps: list[float] = []

    class Scripted(SteadyClock):
        def now(self) -> float:
            return stamps.pop(0)

    monkeypatch.setattr(log, "SteadyClock", Scripted)
    return stamps


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    folder = new_folder(tmp_path, "study")
    sheet = StudySheet(folder.id, folder.root, "m", Metric("AP11", Direction.MAXIMIZE), Budget(1, 3), {})
    folder.write_sheet(sheet, {})
    return folder


def test_each_part_of_a_trial_is_told_from_the_others(
    folder: StudyFolder, tmp_path: Path, clock: list[float]
) -> None:
    clock.extend([0.0, 1.0, 18.0, 28.0, 30.0, 40.0, 41.0, 61.0])
    with EventLog(folder.events) as events:
        events.append(TrialSuggested(TRIAL, {}))
        events.append(TrialStarted(TRIAL))
        events.append(EpochReported(TRIAL, Report(1, 3, 1.0)))
        events.append(EpochReported(TRIAL, Report(2, 3, 1.0)))
        events.append(TrialPaused(TRIAL, Cause.RUNG))
        events.append(TrialQueued(TRIAL, "promoted"))
        events.append(TrialStarted(TRIAL))
        events.append(EpochReported(TRIAL, Report(3, 3, 1.0)))
    assert measure_times(tmp_path, "m") == TrialTimes(
        startup_s=7.0, epoch_s=10.0, checkpoint_s=3.0, ending_s=2.0, handover_s=11.0
    )
    assert measure_times(tmp_path, "another") is None


def test_workers_of_a_study_start_one_after_another(
    folder: StudyFolder, tmp_path: Path, clock: list[float]
) -> None:
    clock.extend([0.0, 1.0, 3.0, 20.0, 30.0])
    with EventLog(folder.events) as events:
        events.append(TrialSuggested(TRIAL, {}))
        events.append(TrialStarted(TRIAL))
        events.append(TrialStarted(TrialId("1")))
        events.append(EpochReported(TRIAL, Report(1, 3, 1.0)))
        events.append(EpochReported(TRIAL, Report(2, 3, 1.0)))
    assert measure_times(tmp_path, "m") == TrialTimes(startup_s=9.0, epoch_s=10.0, worker_s=2.0)
