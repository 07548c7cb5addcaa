"""Follows a study through its events, whatever process runs it."""

from __future__ import annotations

import logging
import time
from collections import deque
from datetime import datetime

from automl.cli.board import Board
from automl.report.telling import tell_event
from automl.study.controllers import has_living_controller
from automl.study.events import EventReader
from automl.study.state import Phase, StudyState
from automl.study.store import StudyFolder

__all__ = ["LastWarnings", "Watcher"]

_LINES, _WARNINGS = 8, 3
_BEGINS_WITHIN_S = 30.0


class Watcher:
    """The state of a study as of its newest event.

    Args:
        folder: the study's folder; its sheet is written.
    """

    def __init__(self, folder: StudyFolder) -> None:
        self._folder, self._sheet = folder, folder.read_sheet()
        self._reader = EventReader(folder.events)
        self.state = StudyState(self._sheet.metric)
        self._lines: deque[str] = deque(maxlen=_LINES)
        self.warnings = LastWarnings()

    def read_new(self) -> list[str]:
        """Take in what was written since the last call; in words, with the time of each event.

        Raises:
            StudyError: the events are damaged.
        """
        new = []
        for at, event in self._reader.read_new():
            self.state.apply(event, at)
            if text := tell_event(event, self.state):
                new.append(f"{datetime.fromtimestamp(at).astimezone():%H:%M:%S} {text}")
        self._lines.extend(new)
        return new

    def board(self) -> Board:
        """One screen."""
        is_over = self.state.phase is not Phase.RUNNING
        now = (self.state.changed_at if is_over else None) or time.time()
        lines, warnings = tuple(self._lines), tuple(self.warnings.lines)
        return Board(self._sheet, self.state, now, lines, warnings, checked=self._folder.list_checked())

    def is_over(self) -> bool:
        """Whether nothing more will come: the study ended, or its controller is gone or never came."""
        if self.state.started_at is None:
            return time.time() - self._folder.sheet.stat().st_mtime > _BEGINS_WITHIN_S
        return not has_living_controller(self.state)


class LastWarnings(logging.Handler):
    """Keeps the newest warnings for the screen, which a line on the terminal would tear."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: deque[str] = deque(maxlen=_WARNINGS)

    def emit(self, record: logging.LogRecord) -> None:
        """Take in one record."""
        self.lines.append(" ".join(record.getMessage().split()))
