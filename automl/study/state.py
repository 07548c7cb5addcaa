"""What the events of a study add up to; the same events always give the same state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from automl.errors import StudyError
from automl.study.events import (
    EpochReported,
    Event,
    StudyEnded,
    StudyStarted,
    TrialEnded,
    TrialPaused,
    TrialQueued,
    TrialStarted,
    TrialSuggested,
    read_events,
)
from automl.types import Cause, Metric, Params, Report, Role, TrialId, TrialRecord, TrialState

__all__ = ["DEFAULT_TRIAL", "Phase", "StudyState", "add_up", "read_state"]

DEFAULT_TRIAL = TrialId("0")


class Phase(StrEnum):
    """Where a study is in its life."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


@dataclass
class StudyState:
    """A projection of events.

    Attributes:
        metric: what ranking uses.
        phase: last known phase; a controller that died leaves ``running`` behind.
        pid: process of the last controller, 0 before the first event.
        process_start: when that process started, in clock ticks since boot.
        host: machine of that process.
        records: all trials in order of their ids.
        started_at: POSIX seconds of the first event.
        changed_at: POSIX seconds of the last event.
        spent_s: wall time of the controllers that had the study in hand before this one.
        taken_at: POSIX seconds at which the last controller took it in hand.
        epochs_total: epochs of all trials together; an epoch that two trials share counts once.
        trial_seconds: wall time in which trials held their resources, running ones not counted in.
        running: trials that hold their resources now, and since when (POSIX seconds).
        trials_begun: trials that count against the budget; repeats and continuations do not.
        verdict: winner against default, once the study has ended.
    """

    metric: Metric
    phase: Phase = Phase.RUNNING
    pid: int = 0
    process_start: int = 0
    host: str = ""
    records: dict[TrialId, TrialRecord] = field(default_factory=dict)
    started_at: float | None = None
    changed_at: float | None = None
    spent_s: float = 0.0
    taken_at: float | None = None
    epochs_total: int = 0
    trial_seconds: float = 0.0
    running: dict[TrialId, float] = field(default_factory=dict)
    trials_begun: int = 0
    verdict: Mapping[str, Any] | None = None
    _incumbent: TrialId | None = None
    _same: dict[int, tuple[TrialId, ...]] = field(default_factory=dict)
    """Trials by a number made of their parameters; others may have the same."""

    def apply(self, event: Event, at: float) -> None:
        """Take in the next event.

        Raises:
            StudyError: it is none that can follow those before it.
        """
        if isinstance(event, StudyStarted):
            self._change_hands(event, at)
        elif not isinstance(event, TrialSuggested | StudyEnded) and event.trial not in self.records:
            raise StudyError(f"the events tell of trial {event.trial!r} before it was suggested")
        self.started_at = at if self.started_at is None else self.started_at
        self.changed_at = at
        match event:
            case TrialSuggested():
                self._suggest(event)
            case TrialStarted():
                self.running[event.trial] = at
                self._change(event.trial, state=TrialState.RUNNING, started_at=at)
            case EpochReported():
                self._report(event.trial, event.report)
            case TrialPaused():
                self._release(event.trial, TrialState.PAUSED, at)
                self._change(event.trial, cause=event.cause)
            case TrialQueued():
                self._queue(event, at)
            case TrialEnded():
                self._end(event, at)
            case StudyEnded():
                self._conclude(event)

    @property
    def incumbent(self) -> TrialRecord | None:
        """The best trial so far, the first among equals; a trial that failed never is.

        A trial that was stopped counts with the epochs it had: its checkpoint is as real as any.
        """
        return self.records[self._incumbent] if self._incumbent is not None else None

    def list_same(self, params: Params) -> list[TrialRecord]:
        """Trials of the search with these parameters that began at the first epoch, in order."""
        wanted = _key(params)
        alike = [self.records[trial] for trial in self._same.get(hash(wanted), ())]
        return [record for record in alike if _key(record.params) == wanted]

    def _suggest(self, event: TrialSuggested) -> None:
        self.records[event.trial] = TrialRecord(
            event.trial,
            event.params,
            origin=event.origin,
            seed=event.seed,
            role=event.role,
            reason=event.reason,
            source=event.source,
        )
        if event.role is Role.SEARCH and event.origin is None:
            self.trials_begun += 1
            number = hash(_key(event.params))
            self._same[number] = (*self._same.get(number, ()), event.trial)

    def _change_hands(self, event: StudyStarted, at: float) -> None:
        """A new controller: what ran under the last one held its resources until that was last heard of."""
        last_heard_at = self.changed_at or at
        self.spent_s += last_heard_at - (self.taken_at or last_heard_at)
        self.phase, self.taken_at = Phase.RUNNING, at
        self.pid, self.process_start, self.host = event.pid, event.process_start, event.host
        for trial in list(self.running):
            self._stop_clock(trial, last_heard_at)

    def _report(self, trial: TrialId, report: Report) -> None:
        record = self.records[trial]
        reports = (*(known for known in record.reports if known.epoch < report.epoch), report)
        self.epochs_total += reports[-1].epoch - record.epochs
        standing = self.metric.standing(reports)
        self._change(
            trial,
            reports=reports,
            value=standing.value if standing else None,
            best_epoch=standing.epoch if standing else None,
        )
        self._consider(self.records[trial])
        if trial == self._incumbent and self._has_fallen(record):
            self._elect()

    def _queue(self, event: TrialQueued, at: float) -> None:
        self._release(event.trial, TrialState.QUEUED, at)
        record = self.records[event.trial]
        failed = () if event.failure is Cause.NONE else (event.failure,)
        self._change(
            event.trial,
            cause=Cause.NONE,
            evidence=event.evidence,
            failures=(*record.failures, *failed),
            changes={**record.changes, **event.changes},
        )

    def _end(self, event: TrialEnded, at: float) -> None:
        self._release(event.trial, event.state, at)
        self._change(event.trial, cause=event.cause, evidence=event.evidence)
        if event.state is TrialState.FAILED and event.trial == self._incumbent:
            self._elect()

    def _conclude(self, event: StudyEnded) -> None:
        winner = (event.verdict or {}).get("winner")
        is_known = isinstance(winner, Mapping) and winner.get("trial") in list(self.records)
        if event.phase not in list(Phase) or (event.verdict is not None and not is_known):
            raise StudyError(
                f"the events end as {event.phase!r} with {winner!r}, which is no trial of theirs"
            )
        self.phase, self.verdict = Phase(event.phase), event.verdict

    def _release(self, trial: TrialId, state: TrialState, at: float) -> None:
        """Move to a state without resources."""
        self._stop_clock(trial, at)
        self._change(trial, state=state)

    def _stop_clock(self, trial: TrialId, at: float) -> None:
        if (since := self.running.pop(trial, None)) is not None:
            self.trial_seconds += at - since
            self._change(trial, seconds=self.records[trial].seconds + at - since)

    def _has_fallen(self, before: TrialRecord) -> bool:
        """Whether a trial stands lower now: its last epochs count, or it trains its best one again."""
        now = self.records[before.id].value
        return before.value is not None and self.metric.is_better(before.value, now)

    def _elect(self) -> None:
        """Find the incumbent among all trials."""
        self._incumbent = None
        for record in self.records.values():
            self._consider(record)

    def _consider(self, record: TrialRecord) -> None:
        if record.value is None or record.state is TrialState.FAILED or record.role is not Role.SEARCH:
            return
        incumbent = self.incumbent
        if self.metric.is_better(record.value, incumbent.value if incumbent else None):
            self._incumbent = record.id

    def _change(self, trial: TrialId, **changes: Any) -> None:
        self.records[trial] = replace(self.records[trial], **changes)


def _key(params: Params) -> frozenset[Any]:
    return frozenset(
        (name, repr(value) if isinstance(value, list | dict) else value) for name, value in params.items()
    )


def read_state(path: Path, metric: Metric) -> StudyState:
    """The state that a file of events adds up to.

    Raises:
        StudyError: the events are damaged.
    """
    return add_up(read_events(path), metric)


def add_up(events: Iterable[tuple[float, Event]], metric: Metric) -> StudyState:
    """The state that events with their times add up to.

    Raises:
        StudyError: they are not those of one study.
    """
    state = StudyState(metric)
    for at, event in events:
        state.apply(event, at)
    return state
