"""Ports without processes: scripted trials, a searcher with a list, a tracker and a driver that remember."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from automl.ports import Decision, Launch, Promotion, Proposal, TrialFailedError
from automl.trials.folder import TrialFolder
from automl.types import Cause, Report, StudySheet, TrialId, TrialRecord


class ScriptedJob:
    """Yields the values of its spec's ``curve``, one an epoch; a text there is the cause of a failure."""

    def __init__(self, launch: Launch) -> None:
        self.folder = TrialFolder(launch.folder)
        self.curve = yaml.safe_load(self.folder.spec.read_text())["curve"]
        self.epoch = launch.epochs

    def next_report(self) -> Report | None:
        if self.epoch == len(self.curve) or self.folder.stop_request.exists():
            return None
        value = self.curve[self.epoch]
        if isinstance(value, str):
            if value.startswith("once "):
                marker = self.folder.root / f"failed_{self.epoch}"
                is_first = not marker.exists()
                marker.touch()
                if is_first:
                    raise TrialFailedError(Cause(value.removeprefix("once ")), f"scripted {value}")
                value = 1.0
            else:
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
    """The searcher's half of `ListStrategy`."""

    curves: Sequence[Sequence[float | str | None]]

    def suggest(self, trial: TrialId) -> Proposal | None:
        return Proposal({"curve": tuple(self.curves[int(trial)])}) if int(trial) < len(self.curves) else None

    def adopt(self, record: TrialRecord) -> None:
        pass

    def observe(self, trial: TrialId, report: Report) -> None:
        pass

    def tell(self, record: TrialRecord) -> None:
        pass


@dataclass
class ListStrategy:
    """Proposes one curve after another; the space of curves is exhausted at the end of the list.

    ``decisions`` says what becomes of a trial at an epoch; paused trials are promoted when all curves ran.
    """

    curves: Sequence[Sequence[float | str | None]]
    decisions: Mapping[tuple[str, int], Decision] = field(default_factory=dict)
    told: list[TrialRecord] = field(default_factory=list)
    observed: list[tuple[str, Report]] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    promotes: bool = False
    paused: list[TrialId] = field(default_factory=list)

    def propose(self, trial: TrialId, *, is_full: bool) -> Proposal | Promotion | None:
        if not is_full and int(trial) < len(self.curves):
            return Proposal({"curve": tuple(self.curves[int(trial)])}, reason=f"curve {trial}")
        return Promotion(self.paused[0], "its turn") if self.promotes and self.paused else None

    def on_suggested(self, record: TrialRecord) -> None:
        self.calls.append(("suggested", record.id))

    def on_report(self, trial: TrialId, report: Report) -> Decision:
        self.observed.append((trial, report))
        return self.decisions.get((trial, report.epoch), Decision.CONTINUE)

    def on_paused(self, record: TrialRecord) -> None:
        self.calls.append(("paused", record.id))
        self.paused.append(record.id)

    def on_queued(self, record: TrialRecord) -> None:
        self.calls.append(("queued", record.id))
        if record.id in self.paused:
            self.paused.remove(record.id)

    def on_ended(self, record: TrialRecord) -> None:
        self.calls.append(("ended", record.id))
        self.told.append(record)


@dataclass
class RecordingTracker:
    """Remembers what it was told."""

    calls: list[tuple[str, Any]] = field(default_factory=list)

    def study_started(self, sheet: StudySheet, past: Sequence[TrialRecord] = ()) -> None:
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

    def next_trial(self) -> Launch | None:
        waiting = [name for name in self.folders if name not in self.reports]
        if not waiting:
            return None
        self.reports[waiting[0]] = []
        return Launch(TrialId(waiting[0]), self.folders[waiting[0]])

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
