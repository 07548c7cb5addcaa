"""Studies on disk without a run: a sheet, and events with the times that they are given."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

from automl.study.events import (
    EpochReported,
    Event,
    EventLog,
    StudyEnded,
    StudyStarted,
    TrialEnded,
    TrialStarted,
    TrialSuggested,
)
from automl.study.job import write_job
from automl.study.store import StudyFolder, new_folder
from automl.types import Budget, Cause, Direction, Metric, Report, StudyId, StudySheet, TrialId, TrialState

METRIC = Metric("AP11", Direction.MAXIMIZE)
PARAMETER = {
    "name": "train.lr", "type": "float", "low": 1e-6, "high": 1e-1, "log": True, "step": None, "choices": [],
    "weights": None, "default": 1e-5, "condition": None, "prior": None, "auxiliary": False, "source": "test",
}  # fmt: skip


def trial(
    name: str,
    values: Iterable[float | None],
    state: TrialState = TrialState.SUCCEEDED,
    cause: Cause = Cause.NONE,
    evidence: str = "",
    **suggested: Any,
) -> list[Event]:
    """The life of one trial that is never paused."""
    if "params" not in suggested:
        suggested["params"] = {"train.lr": 10.0 ** -(5 - int(name))}
    events: list[Event] = [TrialSuggested(TrialId(name), **suggested), TrialStarted(TrialId(name))]
    for epoch, value in enumerate(values, 1):
        kpi = {} if value is None else {"AP11": value}
        events.append(EpochReported(TrialId(name), Report(epoch, 5, value, kpi)))
    return [*events, TrialEnded(TrialId(name), state, cause, evidence)]


def write_study(
    root: Path,
    events: Iterable[Event],
    *,
    asked: Mapping[str, Any] | None = None,
    step_s: float = 10.0,
    parameters: Iterable[Mapping[str, Any]] = (PARAMETER,),
) -> StudyFolder:
    """Write a study whose events lie ``step_s`` apart; the controller's start is added in front."""
    folder = StudyFolder(root)
    root.mkdir(parents=True)
    sheet = StudySheet(
        study_id=StudyId(root.name), root=root, model="fake", metric=METRIC,
        budget=Budget(trials=4, max_epochs=5),
        space={"parameters": [*parameters], "excluded": [], "ties": []},
        tags={"algorithm": "asha", "version.python": "3.11.0", "dataset_fingerprint": "f016"},
    )  # fmt: skip
    folder.write_sheet(sheet, asked or {})
    times = iter(range(10**6))
    clock = patch("automl.study.clock.SteadyClock.now", lambda _: 1e9 + step_s * next(times))
    with clock, EventLog(folder.events) as log:
        for event in (StudyStarted(sum(root.name.encode()), 0), *events):  # no two begin alike
            log.append(event)
    return folder


def finished_study(root: Path) -> StudyFolder:
    """Default 20, winner 60, one stopped early at 5, one out of memory."""
    verdict = {
        "default": {"val": 20.0, "test": 18.0}, "winner": {"trial": "2", "val": 60.0, "test": 55.0},
        "gain_val": 40.0, "gain_test": 37.0, "statement": "Trial 2 gains +37.00 AP11 over the default spec.",
    }  # fmt: skip
    return write_study(
        root,
        [
            *trial("0", [5, 10, 15, 20, 18]),
            *trial("1", [1, 5, 4], TrialState.PRUNED, Cause.EARLY_STOPPED),
            *trial("2", [10, 20, 40, 60, 50], reason="near the best so far"),
            *trial("3", [], TrialState.FAILED, Cause.OUT_OF_MEMORY, "exit code 4\nCUDA out of memory <b>"),
            StudyEnded("finished", verdict),
        ],
    )


def make_job(results_dir: Path) -> StudyFolder:
    """An evaluation that measured 61."""
    folder = new_folder(results_dir, "evaluate")
    sheet = StudySheet(folder.id, folder.root, "fake", METRIC, Budget(1, 1), {"parameters": []}, {}, False)
    write_job(folder, sheet, action="evaluate", data=None)
    (folder.root / "status.json").write_text(
        '{"status": "SUCCESS", "message": "done", "kpi": {"AP11": 61}}\n'
    )
    return folder
