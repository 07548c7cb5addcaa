"""What becomes of a trial whose process is gone: it goes on, waits, or is final."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from automl.ports import TrialFailedError
from automl.study.events import TrialEnded, TrialPaused, TrialQueued
from automl.study.treatments import is_machines_fault, may_retry, needs_relief
from automl.types import Cause, StudySheet, TrialRecord, TrialState

__all__ = ["Ending", "Endings", "diagnose"]

Ending = TrialPaused | TrialQueued | TrialEnded


class Endings:
    """Reads what a trial did and was asked into the event that follows.

    Args:
        sheet: length of a trial, and whether the study is a search.
        relieve: spec keys to change so that a trial which ran out of memory fits; None where nothing helps.
    """

    def __init__(self, sheet: StudySheet, relieve: Callable[[TrialRecord], Mapping[str, Any] | None]) -> None:
        self._metric = sheet.metric
        self._max_epochs = sheet.budget.max_epochs
        self._is_search = sheet.is_search
        self._relieve = relieve

    def follow(self, record: TrialRecord, asked: Cause, cause: Cause, evidence: str) -> Ending | None:
        """The event that follows; None for a trial that was sent back before it began.

        Args:
            record: the trial as it stands.
            asked: why it was asked to stop, or `Cause.NONE`.
            cause: what ended its process, of `diagnose`.
            evidence: what it left behind.
        """
        if asked is Cause.USER and record.state is TrialState.QUEUED:
            return None
        is_complete = cause is Cause.NONE and record.epochs >= self._max_epochs
        if (asked is Cause.USER and not is_complete) or (asked is Cause.RUNG and cause is Cause.NONE):
            return TrialPaused(record.id, asked)
        if asked is Cause.NONE and (retry := self._retry(record, cause, evidence)) is not None:
            return retry
        if cause is not Cause.NONE:
            return TrialEnded(record.id, TrialState.FAILED, cause, evidence)
        if broken := self._find_broken(record, asked):
            return TrialEnded(record.id, TrialState.FAILED, Cause.INFEASIBLE, broken)
        return TrialEnded(record.id, *self._outcome(record, asked, is_complete=is_complete), evidence)

    def _retry(self, record: TrialRecord, cause: Cause, evidence: str) -> TrialQueued | None:
        """Another launch after one that failed; None where that is not worth it."""
        if not may_retry(record, cause):
            return None
        if not needs_relief(cause):
            return TrialQueued(record.id, f"tried again after {cause}", cause, evidence)
        changes = self._relieve(record)
        if changes is None:
            return None
        shown = ", ".join(f"{key}={value}" for key, value in changes.items())
        return TrialQueued(record.id, f"tried again with {shown} after {cause}", cause, evidence, changes)

    def _find_broken(self, record: TrialRecord, asked: Cause) -> str:
        """The constraints that keep a trial from winning; empty where none does."""
        is_measured = any(report.value is not None for report in record.reports)
        if asked is not Cause.INFEASIBLE and (record.value is not None or not is_measured):
            return ""
        return "; ".join(self._metric.find_broken(record.measures))

    def _outcome(self, record: TrialRecord, asked: Cause, *, is_complete: bool) -> tuple[TrialState, Cause]:
        """What becomes of a trial that did not fail."""
        if asked is Cause.EARLY_STOPPED:
            return TrialState.PRUNED, asked
        if asked is not Cause.NONE and not is_complete:
            return TrialState.CANCELLED, asked
        if record.value is None and self._is_search:
            return TrialState.FAILED, Cause.NO_METRIC
        return TrialState.SUCCEEDED, Cause.NONE


def diagnose(failure: Exception | None, asked: Cause) -> tuple[Cause, str]:
    """Cause and evidence of a launch's end.

    What no trainer said is the machine's fault, unless the trial was to stop: then it did.
    """
    if failure is None:
        return Cause.NONE, ""
    cause, evidence = Cause.INFRASTRUCTURE, str(failure)
    if isinstance(failure, TrialFailedError):
        cause, evidence = failure.cause, failure.evidence
    return (Cause.NONE if asked is not Cause.NONE and is_machines_fault(cause) else cause), evidence
