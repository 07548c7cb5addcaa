"""Runs one study: asks for trials, records what happens, spends the budget, names the winner.

Knows only the ports. The same code runs a search with Ray and Optuna, a plain training, and the tests; and it
begins a study or goes on with one: whatever the events of the past say is told to the strategy first.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from automl.errors import EnvironmentUnusableError, SpecError
from automl.ports import (
    Decision,
    FinalCheck,
    JobFactory,
    Launch,
    Promotion,
    Proposal,
    Scheduler,
    Strategy,
    Tracker,
    Wait,
)
from automl.study.conclusion import Conclusion, draw_conclusion
from automl.study.disk import DiskWatch, raise_if_disk_failed
from automl.study.duplicates import give_fresh_seed
from automl.study.endings import Endings, diagnose
from automl.study.events import (
    EpochReported,
    Event,
    EventLog,
    StudyEnded,
    StudyStarted,
    TrialEnded,
    TrialPaused,
    TrialQueued,
    TrialStarted,
    TrialSuggested,
    read_events,
)
from automl.study.finals import next_repeat
from automl.study.keeping import CheckpointKeeper
from automl.study.pace import Pace
from automl.study.preparing import SpecMaker, prepare_trial
from automl.study.spending import Spending
from automl.study.state import Phase, StudyState
from automl.study.store import StudyFolder, process_start
from automl.study.summary import summarize
from automl.study.telling import tell_strategy
from automl.study.treatments import is_machines_fault
from automl.trials.interrupts import uninterrupted
from automl.trials.leftovers import end_leftovers
from automl.types import Cause, Report, Resources, Role, StudySheet, TrialId, TrialRecord, TrialState

__all__ = ["Ports", "StudyPlan", "run_study"]

_KEPT_BACK_FOR_FINALS = 0.1
_STOPS = {Decision.PAUSE: Cause.RUNG, Decision.STOP: Cause.EARLY_STOPPED}


@dataclass(frozen=True)
class StudyPlan:
    """All decisions of a study, made before anything runs.

    Attributes:
        sheet: what identifies the study.
        resources: the shape of a trial.
        make_spec: makes the spec of a trial.
        make_job: starts the trainer of a prepared folder.
        relieve: spec keys to change so that a trial which ran out of memory fits; None where nothing helps.
        silence_s: how long a trainer may say nothing; None is learned from the trials.
    """

    sheet: StudySheet
    resources: Resources
    make_spec: SpecMaker
    make_job: JobFactory
    relieve: Callable[[TrialRecord], Mapping[str, Any] | None] = lambda _: None
    silence_s: float | None = None


@dataclass(frozen=True)
class Ports:
    """What a study talks to.

    Attributes:
        final_check: measures winner and default on frames that tuning never read; None when there are none.
    """

    strategy: Strategy
    scheduler: Scheduler
    trackers: Sequence[Tracker] = ()
    final_check: FinalCheck | None = None


def run_study(plan: StudyPlan, ports: Ports) -> StudyState:
    """Run a study to its end and name the winner; one that was interrupted goes on where it was.

    Returns:
        The final state; its incumbent is None when no trial produced a score.

    Raises:
        KeyboardInterrupt: the user ended it; all trials were stopped and the state recorded before.
        StudyError: the events of the past are damaged.
        UsageError: another controller has the study in hand.
        EnvironmentUnusableError: the disk is full; nothing that was recorded is lost.
    """
    folder = StudyFolder(plan.sheet.root)
    with EventLog(folder.events) as log:
        study = _Study(plan, ports, folder, log)
        study.replay(read_events(folder.events))
        try:
            study.start()
            ports.scheduler.run(study, plan.make_job)
            study.conclude()
        except BaseException as error:
            study.abandon()
            raise_if_disk_failed(error, folder)
            raise
    return study.state


class _Study:
    """The driver that a scheduler calls, on its own thread."""

    def __init__(self, plan: StudyPlan, ports: Ports, folder: StudyFolder, log: EventLog) -> None:
        self._plan = plan
        self._ports = ports
        self._folder = folder
        self._log = log
        self._waiting: deque[TrialId] = deque()
        self._running: set[TrialId] = set()
        self._stopping: dict[TrialId, Cause] = {}
        self.state = StudyState(plan.sheet.metric)
        self._checkpoints = CheckpointKeeper(
            folder, plan.sheet.metric, finalists=max(1, plan.sheet.budget.finalists)
        )
        self._disk = DiskWatch(folder, plan.sheet.budget.disk_bytes)
        self._endings = Endings(plan.sheet, plan.relieve)
        self._pace = Pace(plan.silence_s)
        self._spending = Spending(
            plan.sheet.budget,
            plan.resources,
            self.state,
            now=log.now,
            kept_back=_KEPT_BACK_FOR_FINALS if ports.final_check else 0.0,
        )

    def replay(self, past: Iterable[tuple[float, Event]]) -> None:
        """Take in what happened before this controller; nothing is written."""
        for at, event in past:
            self._take_in(event, at)
            if isinstance(event, TrialEnded):
                self._checkpoints.after_end(self.state.records[event.trial])

    def start(self) -> None:
        """Announce the study, and pick up the trials that lost their controller."""
        pid = os.getpid()
        self._folder.drop_drafts()
        for record in self.state.records.values():
            if not record.state.is_final:
                end_leftovers(self._folder.trial(record.id))
        self._record(StudyStarted(pid, process_start(pid) or 0, socket.gethostname()))
        for tracker in self._ports.trackers:
            tracker.study_started(self._plan.sheet, list(self.state.records.values()))
        for record in list(self.state.records.values()):
            self._pick_up(record)

    def next_trial(self) -> Launch | Wait | None:
        """The next trial to start or to go on with; None when there is nothing more to run, ever."""
        while not self._spending.is_spent():
            self._disk.check()
            if self._waiting:
                trial = self._waiting.popleft()
                if self._spending.is_spent(self.state.records[trial].role):
                    continue
            elif (chosen := self._choose()) is not None:
                trial = chosen
            else:
                break
            if launch := self._prepare(self.state.records[trial]):
                self._running.add(trial)
                return launch
        return Wait.WAIT if self._running else None

    def on_start(self, trial: TrialId) -> None:
        """The trial got its resources."""
        self._record(TrialStarted(trial))
        for tracker in self._ports.trackers:
            tracker.trial_started(self.state.records[trial])

    def on_report(self, trial: TrialId, report: Report) -> bool:
        """Record one epoch; True asks the scheduler to stop the trial, for good or for now.

        An epoch that comes in when the last one of the budget is spent is not taken in.
        """
        if not self._spending.covers(self.state.records[trial], report):
            self._stopping.setdefault(trial, Cause.BUDGET)
            return True
        self._record(EpochReported(trial, report))
        for tracker in self._ports.trackers:
            tracker.trial_reported(trial, report)
        record = self.state.records[trial]
        self._checkpoints.after_report(record)
        self._disk.after_report(self._folder.trial(trial))
        if self._spending.is_spent(record.role):
            self._stopping.setdefault(trial, Cause.BUDGET)
        return trial in self._stopping

    def on_end(self, trial: TrialId, failure: Exception | None) -> None:
        """The trial's process is gone."""
        self._running.discard(trial)
        asked = self._stopping.pop(trial, Cause.NONE)
        cause, evidence = diagnose(failure, asked)
        if is_machines_fault(cause) and not self._disk.has_room():
            self._wait_for_room(trial)
            return
        match self._endings.follow(self.state.records[trial], asked, cause, evidence):
            case TrialPaused() as pause:
                self._record(pause)
            case TrialQueued() as retry:
                self._queue(retry)
            case TrialEnded() as end:
                self._end(end)

    def _wait_for_room(self, trial: TrialId) -> None:
        """A trial that a full disk ended failed by nobody's fault, and no other would fare better."""
        self._record(TrialPaused(trial, Cause.USER))
        self._disk.check()
        self._queue(TrialQueued(trial, "the disk has room again"))

    def should_stop(self) -> bool:
        """Whether the budget is spent; what runs then is stopped for that reason.

        When only the search has spent its part, its trials alone are asked to leave.
        """
        if self._spending.is_spent():
            self._stop_running(Cause.BUDGET)
            return True
        if self._spending.is_spent(Role.SEARCH):
            for trial in self._searching():
                self._stopping.setdefault(trial, Cause.BUDGET)
                self._folder.trial(trial).stop_request.touch()
        return False

    def interrupt(self) -> None:
        """The user wants a break."""
        self._stop_running(Cause.USER)

    def conclude(self) -> None:
        """End what waits, name the winner, check it on the test part, and close the study."""
        self._end_waiting()
        self._finish(draw_conclusion(self._folder, self._plan.sheet, self.state, self._ports.final_check))

    def abandon(self) -> None:
        """Close a study that was interrupted, as far as its disk allows."""
        with suppress(EnvironmentUnusableError, OSError):
            self.interrupt()
            for trial in list(self.state.running):
                self.on_end(trial, None)
            self._finish(Conclusion(Phase.INTERRUPTED))

    def _finish(self, conclusion: Conclusion) -> None:
        """Record the last event, drop what nothing needs after it, and tell the trackers."""
        self._record(StudyEnded(conclusion.phase.value, conclusion.verdict))
        if conclusion.still_needed is not None:
            self._checkpoints.keep_only(set(conclusion.still_needed))
        summary = summarize(self._folder, self.state)
        kept = [record for record in self.state.records.values() if self._checkpoints.is_kept(record.id)]
        for tracker in self._ports.trackers:
            tracker.study_ended(summary, kept)

    def _pick_up(self, record: TrialRecord) -> None:
        """End a trial that had to stop when its controller went, queue one that may go on."""
        if record.state is TrialState.RUNNING:
            if self._spending.is_spent(record.role):
                self._stopping.setdefault(record.id, Cause.BUDGET)
            if record.id in self._stopping:
                self.on_end(record.id, None)
            else:
                self._queue(TrialQueued(record.id, "the study goes on"))
        elif record.state is TrialState.PAUSED and record.cause is Cause.USER:
            self._queue(TrialQueued(record.id, "the study goes on"))
        elif record.state is TrialState.QUEUED:
            self._waiting.append(record.id)

    def _choose(self) -> TrialId | None:
        """Ask the strategy for a new trial or a promotion; once the search is over, repeat the finalists."""
        if self._spending.is_spent(Role.SEARCH):
            return self._choose_repeat()
        is_full = self._spending.has_all_trials()
        match self._ports.strategy.propose(self._next_id(), is_full=is_full):
            case Promotion(trial=paused, reason=reason):
                self._record(TrialQueued(paused, reason))
                return paused
            case Proposal() as new:
                return self._suggest(give_fresh_seed(new, self.state))
            case _:
                return self._choose_repeat()

    def _choose_repeat(self) -> TrialId | None:
        """The next training of the finals; none while a trial of the search may still come into them."""
        if self._searching() or not self._spending.covers_repeat():
            return None
        sheet = self._plan.sheet
        repeat = next_repeat(self.state.records.values(), sheet.metric, sheet.budget)
        return self._suggest(repeat) if repeat else None

    def _suggest(self, new: Proposal) -> TrialId:
        trial = self._next_id()
        self._record(
            TrialSuggested(trial, new.params, new.origin, new.seed, new.role, new.reason, new.source)
        )
        return trial

    def _next_id(self) -> TrialId:
        return TrialId(str(len(self.state.records)))

    def _searching(self) -> list[TrialId]:
        """Trials of the search that run."""
        return [trial for trial in self._running if self.state.records[trial].role is Role.SEARCH]

    def _prepare(self, record: TrialRecord) -> Launch | None:
        """A launch of the trial; None when its spec cannot be made."""
        try:
            folder = prepare_trial(self._folder, record, self._plan.make_spec)
        except SpecError as error:
            self._end(TrialEnded(record.id, TrialState.FAILED, Cause.BAD_SPEC, str(error)))
            return None
        return Launch(record.id, folder.root, record.epochs, patience=self._pace.patience())

    def _take_in(self, event: Event, at: float) -> None:
        """The one way of an event into state and strategy, whether it happens now or did long ago."""
        self.state.apply(event, at)
        self._pace.take_in(event, at)
        if isinstance(event, TrialPaused | TrialQueued | TrialEnded):
            self._stopping.pop(event.trial, None)
        decision = tell_strategy(self._ports.strategy, event, self.state)
        if not isinstance(event, EpochReported):
            return
        record = self.state.records[event.trial]
        is_before_training = event.report.epoch == record.first_epoch
        if is_before_training and self.state.metric.find_broken(event.report.kpi, known_only=True):
            self._stopping.setdefault(event.trial, Cause.INFEASIBLE)
        elif decision in _STOPS:
            self._stopping.setdefault(event.trial, _STOPS[decision])

    def _record(self, event: Event) -> None:
        with uninterrupted():  # what is on disk and what is known here never differ
            self._take_in(event, self._log.append(event))

    def _queue(self, event: TrialQueued) -> None:
        self._record(event)
        self._waiting.append(event.trial)

    def _stop_running(self, cause: Cause) -> None:
        for trial in self._running:
            self._stopping.setdefault(trial, cause)

    def _end_waiting(self) -> None:
        """Paused trials that were never promoted lost; queued ones found no budget any more."""
        for record in list(self.state.records.values()):
            if record.state is TrialState.PAUSED and record.cause is Cause.RUNG:
                self._end(TrialEnded(record.id, TrialState.PRUNED, Cause.EARLY_STOPPED))
            elif record.state in {TrialState.PAUSED, TrialState.QUEUED}:
                self._end(TrialEnded(record.id, TrialState.CANCELLED, Cause.BUDGET))

    def _end(self, end: TrialEnded) -> None:
        self._record(end)
        record = self.state.records[end.trial]
        self._checkpoints.after_end(record)
        incumbent = self.state.incumbent
        for tracker in self._ports.trackers:
            tracker.trial_ended(record, is_incumbent=incumbent is not None and incumbent.id == end.trial)
