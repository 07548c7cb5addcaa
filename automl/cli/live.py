"""The live view of ``run``: one screen on the terminal instead of a line for everything that happens."""

from __future__ import annotations

import atexit
import logging
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress

from rich.console import Console, RenderableType
from rich.live import Live

from automl.cli.progress import ConsoleProgress
from automl.cli.watching import Watcher
from automl.errors import StudyError
from automl.ports import Tracker
from automl.study.store import StudyFolder
from automl.types import Report, StudySheet, TrialId, TrialRecord

__all__ = ["LiveProgress", "choose_progress"]

_PER_SECOND = 2


def choose_progress() -> Tracker:
    """The live view where stderr is a terminal that can redraw, lines elsewhere."""
    console = Console(stderr=True)
    return (
        LiveProgress(console) if console.is_terminal and not console.is_dumb_terminal else ConsoleProgress()
    )


class LiveProgress:
    """A tracker that redraws one screen from the study's events; lines for an action that has none.

    While it is drawn, log records are held back: warnings show on the screen and all are let out at the end.

    Args:
        console: a terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lines = ConsoleProgress(sys.stderr)
        self._live: Live | None = None
        self._watcher: Watcher | None = None
        self._handlers: list[logging.Handler] = []

    def study_started(self, sheet: StudySheet, past: Sequence[TrialRecord] = ()) -> None:
        """Draw the screen from here on."""
        self._lines.study_started(sheet, past)
        folder = StudyFolder(sheet.root)
        if not folder.sheet.is_file():
            return
        self._watcher = Watcher(folder)
        root = logging.getLogger()
        self._handlers, root.handlers = root.handlers, [self._watcher.warnings]
        self._live = Live(
            get_renderable=self._draw, console=self._console, refresh_per_second=_PER_SECOND, transient=True
        )
        self._live.start()
        atexit.register(self._stop)

    def trial_started(self, record: TrialRecord) -> None:
        """A line where there is no screen."""
        if self._live is None:
            self._lines.trial_started(record)

    def trial_reported(self, trial: TrialId, report: Report) -> None:
        """A line where there is no screen."""
        if self._live is None:
            self._lines.trial_reported(trial, report)

    def trial_ended(self, record: TrialRecord, *, is_incumbent: bool) -> None:
        """A line where there is no screen."""
        if self._live is None:
            self._lines.trial_ended(record, is_incumbent=is_incumbent)

    def study_ended(self, summary: Mapping[str, object], kept: Sequence[TrialRecord]) -> None:
        """Give the terminal back, and say that it is over."""
        self._stop()
        if self._watcher is not None:
            for line in self._watcher.warnings.lines:
                print(f"warning: {line}", file=sys.stderr)
        self._lines.study_ended(summary, kept)

    def _draw(self) -> RenderableType:
        assert self._watcher is not None
        with suppress(StudyError):  # what the events lack is the controller's to tell
            self._watcher.read_new()
        return self._watcher.board()

    def _stop(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
            logging.getLogger().handlers = self._handlers
            atexit.unregister(self._stop)
