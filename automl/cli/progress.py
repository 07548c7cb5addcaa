"""What a person sees while a study runs: one line on stderr for everything that happens."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TextIO

from automl.report.wording import ENDINGS, count, duration, shorten, value_text
from automl.study.figures import figure
from automl.types import Report, Role, StudySheet, TrialId, TrialRecord, TrialState

__all__ = ["ConsoleProgress"]


class ConsoleProgress:
    """A tracker that prints lines; a log file of it reads as well as the terminal.

    Args:
        stream: where to print; default stderr.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._started = time.monotonic()
        self._first_started: float | None = None
        self._ended = self._ended_before = 0
        self._best: TrialRecord | None = None
        self._default: TrialRecord | None = None

    def study_started(self, sheet: StudySheet, past: Sequence[TrialRecord] = ()) -> None:
        """Say what begins, or what it goes on from."""
        self._sheet = sheet
        budget = sheet.budget
        size = f", {count(budget.trials, 'trial')} of {count(budget.max_epochs, 'epoch')}"
        self._say(f"{sheet.study_id}: {sheet.model}{size if sheet.is_search else ''}")
        self._say(f"results in {sheet.root}")
        if past:
            self._take_up(past)

    def trial_started(self, record: TrialRecord) -> None:
        """Say which parameters are tried."""
        self._first_started = self._first_started or time.monotonic()
        if self._sheet.is_search and record.epochs:
            self._say(f"trial {record.id} goes on after epoch {record.epochs}")
        elif self._sheet.is_search:
            self._say(f"trial {record.id} started: {_describe(record)}")

    def trial_reported(self, trial: TrialId, report: Report) -> None:
        """Say how an epoch went; numbers of no epoch are left to the caller."""
        if report.epoch == 0:
            return
        total = report.max_epoch or self._sheet.budget.max_epochs
        name = self._sheet.metric.name
        value = f"{name} {figure(report.value)}" if report.value is not None else f"no {name}"
        self._say(f"{self._subject(trial)}epoch {report.epoch}/{total}: {value}")

    def trial_ended(self, record: TrialRecord, *, is_incumbent: bool) -> None:
        """Say how a trial ended, who leads, and how long the rest may take."""
        self._ended += 1
        self._best = record if is_incumbent else self._best
        self._default = record if record.id == "0" else self._default
        self._say(
            f"{self._subject(record.id)}{ENDINGS[record.state]}{self._outcome(record)}{self._standing()}"
        )
        if record.state is TrialState.FAILED:
            for line in record.evidence.splitlines():
                self._say(f"  {line}")

    def study_ended(self, summary: Mapping[str, object], kept: Sequence[TrialRecord]) -> None:  # noqa: ARG002
        """Say that it is over; the caller shows the outcome."""
        self._say(
            f"{self._sheet.study_id}: {summary['state']} after {duration(time.monotonic() - self._started)}"
        )

    def _take_up(self, past: Sequence[TrialRecord]) -> None:
        ended = [record for record in past if record.state.is_final]
        self._ended_before = self._ended = len(ended)
        self._default = next((record for record in ended if record.id == "0"), None)
        for record in ended:
            if record.is_ranked and self._sheet.metric.is_better(
                record.value or 0.0, self._best.value if self._best else None
            ):
                self._best = record
        open_ = count(len(past) - len(ended), "trial")
        self._say(f"goes on: {count(len(ended), 'trial')} ended, {open_} begun{self._standing()}")

    def _subject(self, trial: TrialId) -> str:
        return f"trial {trial} " if self._sheet.is_search else ""

    def _outcome(self, record: TrialRecord) -> str:
        cause = f" ({record.cause.value.replace('_', ' ')})" if record.state is TrialState.FAILED else ""
        if record.value is None:
            return cause
        return f"{cause}: {self._sheet.metric.name} {figure(record.value)} at epoch {record.best_epoch}"

    def _standing(self) -> str:
        if not self._sheet.is_search:
            return ""
        parts = []
        if self._best is not None and self._best.value is not None:
            parts.append(f"best is trial {self._best.id} with {figure(self._best.value)}")
        if self._default is not None and self._default.value is not None and self._best is not self._default:
            parts.append(f"default {figure(self._default.value)}")
        to_go = self._sheet.budget.trials - self._ended
        if to_go > 0:
            parts.append(f"{count(to_go, 'trial')} to go{self._time_to_go(to_go)}")
        return "".join(f" | {part}" for part in parts)

    def _time_to_go(self, trials: int) -> str:
        ended = self._ended - self._ended_before
        if not ended:
            return ""
        elapsed_s = time.monotonic() - (self._first_started or self._started)
        return f", about {duration(elapsed_s / ended * trials)}"

    def _say(self, text: str) -> None:
        print(f"{datetime.now().astimezone():%H:%M:%S} {text}", file=self._stream, flush=True)


def _describe(record: TrialRecord) -> str:
    """What a trial tries; a repeat says whom it repeats."""
    if record.id == "0":
        return "default spec"
    if record.role is Role.CONFIRM:
        return record.reason
    names = shorten(record.params)
    return ", ".join(f"{names[name]}={value_text(value)}" for name, value in record.params.items())
