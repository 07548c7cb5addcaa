"""What a view of a study outside its folder still has to be told; kept apart from whom it is told to.

The events are the one source. Each becomes a piece of news that stands for itself, so that it can be sent
again after a failure, in this process or a later one; whoever shows it takes the same news twice as once.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from automl.study.events import EpochReported, Event, EventReader, StudyEnded
from automl.study.state import StudyState
from automl.study.store import StudyFolder
from automl.trials.folder import write_atomically
from automl.types import Metric, Report, TrialId, TrialRecord

__all__ = ["Cursor", "News", "NewsFeed"]


@dataclass(frozen=True, slots=True)
class News:
    """One event, and what the study was after it.

    Attributes:
        number: place of the event in the study, counted from 1.
        at: POSIX seconds.
        record: the trial that the event is about, None when it is about the study.
        incumbent: the best value so far.
        ended: trials that are final.
        winner: the best trial so far; at the end the one that the verdict names.
    """

    number: int
    at: float
    event: Event
    record: TrialRecord | None
    incumbent: float | None
    ended: int
    winner: TrialRecord | None


class NewsFeed:
    """Reads events into news, in order; an epoch that was told once and comes out equal is no news.

    Args:
        folder: of the study.
        metric: what ranking uses.

    Attributes:
        dropped: number of the last piece of news that is gone.
    """

    def __init__(self, folder: StudyFolder, metric: Metric) -> None:
        self._reader = EventReader(folder.events)
        self._state = StudyState(metric)
        self._number = self._ended = self.dropped = 0
        self._told: dict[TrialId, dict[int, Report]] = {}
        self._waiting: deque[News] = deque()

    @property
    def records(self) -> Mapping[TrialId, TrialRecord]:
        """All trials, as far as they were read."""
        return self._state.records

    @property
    def started_at(self) -> float | None:
        """POSIX seconds of the first event."""
        return self._state.started_at

    @property
    def study_key(self) -> str:
        """What tells this study from any other, of the same name on another machine too."""
        return self._reader.origin[:16]

    def refresh(self) -> None:
        """Read what was written since.

        Raises:
            StudyError: the events are damaged.
        """
        for at, event in self._reader.read_new():
            self._number += 1
            if news := self._digest(at, event):
                self._waiting.append(news)

    def peek(self, *, after: int) -> News | None:
        """The first piece of news beyond a number, which stays until `drop`."""
        while self._waiting and self._waiting[0].number <= after:
            self.drop()
        return self._waiting[0] if self._waiting else None

    def drop(self) -> None:
        """The first piece of news was told."""
        self.dropped = self._waiting.popleft().number

    def __len__(self) -> int:
        return len(self._waiting)

    def _digest(self, at: float, event: Event) -> News | None:
        self._state.apply(event, at)
        trial = getattr(event, "trial", None)
        record = self._state.records[trial] if trial is not None else None
        if isinstance(event, EpochReported):
            told = self._told.setdefault(event.trial, {})
            if told.get(event.report.epoch) == event.report:
                return None
            told[event.report.epoch] = event.report
        elif record is not None and record.state.is_final:
            self._ended += 1
            self._told.pop(record.id, None)
        best = self._state.incumbent
        return News(
            self._number, at, event, record, best.value if best else None, self._ended, self._winner(event)
        )

    def _winner(self, event: Event) -> TrialRecord | None:
        if isinstance(event, StudyEnded) and event.verdict is not None:
            return self._state.records[TrialId(event.verdict["winner"]["trial"])]
        return self._state.incumbent


class Cursor:
    """How far a view was told, on disk, so that nothing is sent again without need.

    Args:
        folder: of the study.

    Attributes:
        number: of the last event that was told.
    """

    def __init__(self, folder: StudyFolder) -> None:
        self._path = folder.root / "mlflow.json"
        self._run: str | None = None
        self.number = 0

    def open(self, run: str, *, is_anew: bool = False) -> None:
        """Go on where that run was left; another one begins at the first event.

        Args:
            run: id of the study's run.
            is_anew: begin at the first event whatever was told.
        """
        self._run = run
        self.number = 0 if is_anew else self._read()

    def save(self) -> None:
        """Write it down; losing it costs time and nothing else."""
        if self._run is not None:
            found = {"run_id": self._run, "events": self.number}
            write_atomically(self._path, json.dumps(found) + "\n")

    def _read(self) -> int:
        try:
            found = json.loads(self._path.read_text("utf-8"))
            return int(found["events"]) if found["run_id"] == self._run else 0
        except (OSError, ValueError, KeyError, TypeError):
            return 0
