"""Runs one study: asks for trials, records what happens, spends the budget, names the winner.

Knows only the ports. The same code runs a search with Ray and Optuna, a plain training, and the tests.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from automl.errors import SpecError
from automl.ports import (
    EarlyStopper,
    FinalCheck,
    JobFactory,
    Scheduler,
    Searcher,
    Tracker,
    TrialFailedError,
)
from automl.study.events import (
    EpochReported,
    Event,
    EventLog,
    StudyEnded,
    StudyStarted,
    TrialEnded,
    TrialPaused,
    TrialStarted,
    TrialSuggested,
)
from automl.study.state import DEFAULT_TRIAL, Phase, StudyState
from automl.study.store import StudyFolder, process_start
from automl.study.summary import make_verdict, summarize
from automl.trials.folder import TrialFolder, write_atomically
from automl.types import Cause, Params, Report, Resources, Spec, StudySheet, TrialId, TrialRecord, TrialState

__all__ = ["Ports", "StudyPlan", "run_study"]

_KEPT_BACK_FOR_FINALS = 0.1


@dataclass(frozen=True)
class StudyPlan:
    """All decisions of a study, made before anything runs.

    Attributes:
        sheet: what identifies the study.
        resources: the shape of a trial.
        make_spec: a trial's parameters and folder to its whole spec; raises SpecError for a contradiction.
        make_job: starts the trainer of a prepared folder.
    """

    sheet: StudySheet
    resources: Resources
    make_spec: Callable[[Params, TrialFolder], Spec]
    make_job: JobFactory


@dataclass(frozen=True)
class Ports:
    """What a study talks to.

    Attributes:
        final_check: measures winner and default on frames that tuning never read; None when there are none.
    """

    searcher: Searcher
    stopper: EarlyStopper
    scheduler: Scheduler
    trackers: Sequence[Tracker] = ()
    final_check: FinalCheck | None = None


def run_study(plan: StudyPlan, ports: Ports) -> StudyState:
    """Run a study to its end and name the winner.

    Returns:
        The final state; its incumbent is None when no trial produced a score.

    Raises:
        KeyboardInterrupt: the user ended it; all trials were stopped and the state recorded before.
    """
    folder = StudyFolder(plan.sheet.root)
    with EventLog(folder.events) as log:
        study = _Study(plan, ports, folder, log)
        study.start()
        try:
            ports.scheduler.run(study, plan.make_job)
        except BaseException:
            study.finish(Phase.INTERRUPTED)
            raise
        study.conclude()
    return study.state


class _Study:
    """The driver that a scheduler calls, on its own thread."""

    def __init__(self, plan: StudyPlan, ports: Ports, folder: StudyFolder, log: EventLog) -> None:
        self._plan = plan
        self._ports = ports
        self._folder = folder
        self._log = log
        self._budget = plan.sheet.budget
        self._stopping: dict[TrialId, Cause] = {}
        self._kept: TrialId | None = None
        self._deadline = time.monotonic() + (self._budget.time_s or float("inf")) * (
            1 - _KEPT_BACK_FOR_FINALS if ports.final_check else 1
        )
        self.state = StudyState(plan.sheet.metric)

    def start(self) -> None:
        """Announce the study."""
        pid = os.getpid()
        self._record(StudyStarted(pid, process_start(pid) or 0))
        for tracker in self._ports.trackers:
            tracker.study_started(self._plan.sheet)

    def next_trial(self) -> tuple[TrialId, Path] | None:
        """Id and prepared folder of the next trial; None when budget or space are exhausted."""
        while len(self.state.records) < self._budget.trials and not self._is_spent():
            trial = TrialId(str(len(self.state.records)))
            params = self._ports.searcher.suggest(trial)
            if params is None:
                return None
            self._record(TrialSuggested(trial, params))
            folder = self._folder.trial(trial)
            try:
                folder.write_spec(self._plan.make_spec(params, folder))
            except SpecError as error:
                self._end(trial, TrialState.FAILED, Cause.BAD_SPEC, str(error))
                continue
            return trial, folder.root
        return None

    def on_start(self, trial: TrialId) -> None:
        """The trial got its resources."""
        self._record(TrialStarted(trial))
        for tracker in self._ports.trackers:
            tracker.trial_started(self.state.records[trial])

    def on_report(self, trial: TrialId, report: Report) -> bool:
        """Record one epoch; True asks the scheduler to stop the trial."""
        self._record(EpochReported(trial, report))
        self._ports.searcher.observe(trial, report)
        for tracker in self._ports.trackers:
            tracker.trial_reported(trial, report)
        self._keep_checkpoints(self.state.records[trial])
        is_hopeless = self._ports.stopper.should_stop(trial, report)
        if self._is_spent():
            self._stopping.setdefault(trial, Cause.BUDGET)
        elif is_hopeless:
            self._stopping.setdefault(trial, Cause.EARLY_STOPPED)
        return trial in self._stopping

    def on_end(self, trial: TrialId, failure: Exception | None) -> None:
        """The trial's process is gone."""
        if self._stopping.get(trial) is Cause.USER:
            self._record(TrialPaused(trial))
            return
        state, cause = self._outcome(self.state.records[trial], failure)
        evidence = getattr(failure, "evidence", str(failure)) if failure else ""
        self._end(trial, state, cause, evidence)

    def should_stop(self) -> bool:
        """Whether the budget is spent; what runs then is stopped for that reason."""
        if not self._is_spent():
            return False
        self._stop_running(Cause.BUDGET)
        return True

    def interrupt(self) -> None:
        """The user wants a break."""
        self._stop_running(Cause.USER)

    def conclude(self) -> None:
        """Name the winner, check it on the test part, and close the study."""
        default = self.state.records.get(DEFAULT_TRIAL)
        winner = self.state.incumbent
        if winner is None and default is not None and default.state is TrialState.SUCCEEDED:
            winner = default  # a plain training that measured nothing still made a model
        if winner is None:
            self.finish(Phase.FAILED)
            return
        self._write_best(winner)
        if not self._plan.sheet.is_search:
            self.finish(Phase.FINISHED)
            return
        finalists = {record.id: record for record in (default, winner) if record and record.value is not None}
        test = self._ports.final_check(list(finalists.values())) if self._ports.final_check else {}
        verdict = make_verdict(self._plan.sheet.metric, default, winner, test)
        self._write_metrics(winner, test.get(winner.id))
        self.finish(Phase.FINISHED, verdict)

    def finish(self, phase: Phase, verdict: dict[str, object] | None = None) -> None:
        """Record the last event and tell the trackers."""
        self._record(StudyEnded(phase.value, verdict))
        summary = summarize(self._folder, self.state)
        kept = [record for record in self.state.records.values() if self._is_kept(record.id)]
        for tracker in self._ports.trackers:
            tracker.study_ended(summary, kept)

    def _record(self, event: Event) -> None:
        self.state.apply(event, self._log.append(event))

    def _stop_running(self, cause: Cause) -> None:
        for record in self.state.records.values():
            if not record.state.is_final:
                self._stopping.setdefault(record.id, cause)

    def _is_spent(self) -> bool:
        budget = self._budget
        return (
            (budget.epochs is not None and self.state.epochs_total >= budget.epochs)
            or (budget.gpu_hours is not None and self._gpu_seconds() / 3600 >= budget.gpu_hours)
            or time.monotonic() >= self._deadline
        )

    def _gpu_seconds(self) -> float:
        gpus = self._plan.resources.gpus_per_trial * self._plan.resources.nodes_per_trial
        running = [r for r in self.state.records.values() if r.state is TrialState.RUNNING]
        return gpus * (self.state.trial_seconds + sum(time.time() - (r.started_at or 0.0) for r in running))

    def _outcome(self, record: TrialRecord, failure: Exception | None) -> tuple[TrialState, Cause]:
        if isinstance(failure, TrialFailedError):
            return TrialState.FAILED, failure.cause
        if failure is not None:
            return TrialState.FAILED, Cause.INFRASTRUCTURE
        cause = self._stopping.pop(record.id, Cause.NONE)
        if cause is Cause.EARLY_STOPPED:
            return TrialState.PRUNED, cause
        if cause is not Cause.NONE and record.epochs < self._budget.max_epochs:
            return TrialState.CANCELLED, cause
        if record.value is None and self._plan.sheet.is_search:
            return TrialState.FAILED, Cause.NO_METRIC
        return TrialState.SUCCEEDED, Cause.NONE

    def _end(self, trial: TrialId, state: TrialState, cause: Cause, evidence: str = "") -> None:
        self._record(TrialEnded(trial, state, cause, evidence))
        record = self.state.records[trial]
        self._ports.searcher.tell(record)
        incumbent = self.state.incumbent
        self._drop_checkpoints(record)
        for tracker in self._ports.trackers:
            tracker.trial_ended(record, is_incumbent=incumbent is not None and incumbent.id == trial)

    def _keep_checkpoints(self, record: TrialRecord) -> None:
        """While a trial runs: its best epoch, for the winner, and its newest, to go on from."""
        folder = self._folder.trial(record.id)
        checkpoints = folder.list_checkpoints()
        if checkpoints:
            folder.keep_checkpoints({checkpoints[-1].epoch, record.best_epoch or 0})

    def _drop_checkpoints(self, record: TrialRecord) -> None:
        """Once a trial is final: its best epoch if it is the default or the best so far, else nothing."""
        beaten = self.state.records.get(self._kept) if self._kept else None
        if record.value is not None and record.state is not TrialState.FAILED:
            is_better = self._plan.sheet.metric.is_better(record.value, beaten.value if beaten else None)
            self._kept = record.id if is_better else self._kept
        for final in (record, beaten):
            if final is not None:
                epochs = {final.best_epoch} if self._is_kept(final.id) and final.best_epoch else set()
                self._folder.trial(final.id).keep_checkpoints(epochs)

    def _is_kept(self, trial: TrialId) -> bool:
        return trial in {self._kept, DEFAULT_TRIAL}

    def _write_best(self, winner: TrialRecord) -> None:
        trial = self._folder.trial(winner.id)
        self._folder.best.mkdir(exist_ok=True)
        shutil.copyfile(trial.spec, self._folder.best / "spec.yaml")
        if checkpoint := trial.find_checkpoint(winner.best_epoch):
            shutil.copyfile(checkpoint, self._folder.best / f"checkpoint{checkpoint.suffix}")
        self._write_metrics(winner, None)

    def _write_metrics(self, winner: TrialRecord, test: float | None) -> None:
        metric = self._plan.sheet.metric
        best = metric.best(winner.reports)
        metrics = {
            "trial": winner.id,
            "epoch": winner.best_epoch,
            "metric": metric.name,
            "value": winner.value,
            "test": test,
            "kpi": dict(best.kpi) if best else {},
        }
        write_atomically(self._folder.best / "metrics.json", json.dumps(metrics, indent=2) + "\n")
