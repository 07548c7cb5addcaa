"""Ports without processes: scripted trials, a searcher with a list, a tracker and a driver that remember."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from automl.ports import TrialFailedError
from automl.trials.folder import TrialFolder
from automl.types import Cause, Params, Report, StudySheet, TrialId, TrialRecord


class ScriptedJob:
    """Yields the values of its spec's ``curve``, one an epoch; a text there is the cause of a failure."""

    def __init__(self, folder: Path) -> None:
        self.folder = TrialFolder(folder)
        self.curve = yaml.safe_load(self.folder.spec.read_text())["curve"]
        self.epoch = 0

    def next_report(self) -> Report | None:
        if self.epoch == len(self.curve) or self.folder.stop_request.exists():
            return None
        value = self.curve[self.epoch]
        if isinstance(value, str):
            raise TrialFailedError(Cause(value), f"scripted {value}")
        self.epoch += 1
        self.folder.checkpoints.mkdir(exist_ok=True)
        (self.folder.checkpoints / f"epoch_{self.epoch}.pth").write_text(f"weights of epoch {self.epoch}")
        kpi = {} if value is None else {"AP11": value}
        return Report(self.epoch, len(self.curve), value, kpi)

    def stop(self) -> None:
        pass


@dataclass
class ListSearcher:
    """Proposes one curve after another; the space of curves is exhausted at the end of the list."""

    curves: Sequence[Sequence[float | str | None]]
    told: list[TrialRecord] = field(default_factory=list)
    observed: list[tuple[str, Report]] = field(default_factory=list)

    def suggest(self, trial: TrialId) -> Params | None:
        return {"curve": tuple(self.curves[int(trial)])} if int(trial) < len(self.curves) else None

    def observe(self, trial: TrialId, report: Report) -> None:
        self.observed.append((trial, report))

    def tell(self, record: TrialRecord) -> None:
        self.told.append(record)


@dataclass
class RecordingTracker:
    """Remembers what it was told."""

    calls: list[tuple[str, Any]] = field(default_factory=list)

    def study_started(self, sheet: StudySheet) -> None:
        self.calls.append(("study_started", sheet.study_id))

    def trial_started(self, record: TrialRecord) -> None:
        self.calls.append(("trial_started", record.id))

    def trial_reported(self, trial: TrialId, report: Report) -> None:
        self.calls.append(("trial_reported", (trial, report.epoch)))

    def trial_ended(self, record: TrialRecord, *, is_incumbent: bool) -> None:
        self.calls.append(("trial_ended", (record.id, record.state.value, is_incumbent)))

    def study_ended(self, summary: Mapping[str, object], kept: Sequence[TrialRecord]) -> None:
        self.calls.append(("study_ended", (summary["state"], [record.id for record in kept])))


@dataclass
class RecordingDriver:
    """Hands out prepared folders and remembers; stops trials at the epochs it was given."""

    folders: Mapping[str, Path]
    stop_at: Mapping[str, int] = field(default_factory=dict)
    halt_after_reports: int | None = None
    started: list[str] = field(default_factory=list)
    reports: dict[str, list[int]] = field(default_factory=dict)
    ends: dict[str, Exception | None] = field(default_factory=dict)
    was_interrupted: bool = False

    def next_trial(self) -> tuple[TrialId, Path] | None:
        waiting = [name for name in self.folders if name not in self.reports]
        if not waiting:
            return None
        self.reports[waiting[0]] = []
        return TrialId(waiting[0]), self.folders[waiting[0]]

    def on_start(self, trial: TrialId) -> None:
        self.started.append(trial)

    def on_report(self, trial: TrialId, report: Report) -> bool:
        self.reports[trial].append(report.epoch)
        return self.stop_at.get(trial) == report.epoch

    def on_end(self, trial: TrialId, failure: Exception | None) -> None:
        self.ends[trial] = failure

    def should_stop(self) -> bool:
        limit = self.halt_after_reports
        return limit is not None and sum(map(len, self.reports.values())) >= limit

    def interrupt(self) -> None:
        self.was_interrupted = True
