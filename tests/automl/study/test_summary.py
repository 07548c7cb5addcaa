import os
from pathlib import Path

from automl.study.events import (
    EpochReported,
    Event,
    EventLog,
    StudyStarted,
    TrialEnded,
    TrialStarted,
    TrialSuggested,
)
from automl.study.store import StudyFolder, new_folder, process_start
from automl.study.summary import read_summary
from automl.types import Budget, Metric, Report, StudySheet, TrialId, TrialState

ZERO = TrialId("0")


def make_study(tmp_path: Path, metric: Metric, *events: Event) -> StudyFolder:
    folder = new_folder(tmp_path, "study")
    sheet = StudySheet(folder.id, folder.root, "fake", metric, Budget(4, 2), {"parameters": []})
    folder.write_sheet(sheet, {})
    with EventLog(folder.events) as log:
        for event in events:
            log.append(event)
    return folder


def here() -> StudyStarted:
    return StudyStarted(os.getpid(), process_start(os.getpid()) or 0)


ONE_TRIAL: tuple[Event, ...] = (
    TrialSuggested(ZERO, {"lr": 0.5}),
    TrialStarted(ZERO),
    EpochReported(ZERO, Report(1, 2, 10.0, {"AP11": 10.0})),
    TrialEnded(ZERO, TrialState.SUCCEEDED),
)


def test_document_has_the_keys_that_programs_rely_on(tmp_path: Path, metric: Metric) -> None:
    folder = make_study(tmp_path, metric, here(), *ONE_TRIAL)
    found = read_summary(folder)
    assert (found["study_id"], found["state"], found["metric"], found["direction"]) == (
        folder.id, "running", "AP11", "maximize",
    )  # fmt: skip
    assert found["default"] == {"trial": "0", "value": 10.0}
    assert found["best"]["params"] == {"lr": 0.5}
    trial = found["trials"][0]
    assert (trial["id"], trial["state"], trial["cause"]) == ("0", "succeeded", "")
    assert (trial["value"], trial["epochs"], trial["params"]) == (10.0, 1, {"lr": 0.5})
    assert (found["epochs_total"], found["verdict"], found["mlflow"]) == (1, None, None)
    assert found["results_dir"] == str(folder.root)
    assert found["forecast"]["remaining_s"] >= 0


def test_study_whose_controller_died_is_interrupted(tmp_path: Path, metric: Metric) -> None:
    folder = make_study(tmp_path, metric, StudyStarted(os.getpid(), 1), *ONE_TRIAL)
    assert read_summary(folder)["state"] == "interrupted"
    begun = make_study(tmp_path / "b", metric, StudyStarted(os.getpid(), 1), *ONE_TRIAL[:2])
    assert [trial["state"] for trial in read_summary(begun)["trials"]] == ["paused"]


def test_study_before_its_first_event_has_no_trials(tmp_path: Path, metric: Metric) -> None:
    folder = make_study(tmp_path, metric)
    folder.events.unlink()
    assert (read_summary(folder)["trials"], read_summary(folder)["best"]) == ([], None)
