"""How long the parts of a trial take: given, or measured on the events of past studies."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from automl.errors import StudyError
from automl.study.events import (
    EpochReported,
    Event,
    StudyStarted,
    TrialEnded,
    TrialPaused,
    TrialQueued,
    TrialStarted,
    read_events,
)
from automl.study.store import StudyFolder, list_folders
from automl.types import TrialId

__all__ = ["TrialTimes", "measure_times"]


@dataclass(frozen=True)
class TrialTimes:
    """Seconds of a trial's parts.

    Attributes:
        startup_s: from its resources to its first step; paid again whenever a paused trial goes on.
        epoch_s: one epoch, its validation and checkpoint included.
        checkpoint_s: what a launch that goes on from a checkpoint takes beyond a first one.
        ending_s: from its last report until its processes are gone.
        handover_s: from there until the next trial has its resources.
        worker_s: between two workers of a study that begins; trials share those that are there already.
    """

    startup_s: float
    epoch_s: float
    checkpoint_s: float = 0.0
    ending_s: float = 0.0
    handover_s: float = 0.0
    worker_s: float = 0.0


def measure_times(results_dir: Path, model: str) -> TrialTimes | None:
    """Means over all launches of the model's past studies; None when there is nothing to learn from.

    A first epoch comes after start-up and epoch together, so the start-up is what it takes beyond a later
    one; a study of one-epoch trials says nothing of the two apart.
    """
    seen = _Stopwatch()
    for folder in list_folders(results_dir):
        if _is_of(folder, model):
            seen.watch(read_events(folder.events))
    if not seen.epochs:
        return None
    epoch_s = _mean(seen.epochs)
    first_s = _mean(seen.firsts or seen.resumed)
    return TrialTimes(
        startup_s=max(0.0, first_s - epoch_s),
        epoch_s=epoch_s,
        checkpoint_s=max(0.0, _mean(seen.resumed or [first_s]) - first_s),
        ending_s=_mean(seen.endings or [0.0]),
        handover_s=_mean(seen.handovers or [0.0]),
        worker_s=_mean(seen.workers or [0.0]),
    )


def _mean(seconds: list[float]) -> float:
    """The mean, since parts add up, without the extreme twentieths: a machine may have slept in between."""
    cut = len(seconds) // 20
    return fmean(sorted(seconds)[cut : len(seconds) - cut])


def _is_of(folder: StudyFolder, model: str) -> bool:
    try:
        return folder.events.is_file() and folder.read_sheet().model == model
    except StudyError:
        return False


class _Stopwatch:
    """Seconds between events, by what happens there.

    A start with more trials side by side than ever before is a new worker's; any other takes the worker that
    is free for longest.
    """

    def __init__(self) -> None:
        self.firsts: list[float] = []
        self.resumed: list[float] = []
        self.epochs: list[float] = []
        self.endings: list[float] = []
        self.handovers: list[float] = []
        self.workers: list[float] = []

    def watch(self, events: Iterable[tuple[float, Event]]) -> None:
        """Take in a study."""
        heard: dict[TrialId, tuple[float, list[float]]] = {}
        known: set[TrialId] = set()
        free: deque[float] = deque()
        most, last_at = 0, 0.0
        for at, event in events:
            match event:
                case StudyStarted():
                    heard, free, most = {}, deque(), 0
                case TrialStarted(trial):
                    if len(heard) == most:
                        self.workers += [at - last_at] if most else []
                        most, last_at = most + 1, at
                    else:
                        self.handovers.append(at - free.popleft())
                    heard[trial] = (at, self.resumed if trial in known else self.firsts)
                case EpochReported(trial) if trial in heard:
                    before, kind = heard[trial]
                    kind.append(at - before)
                    heard[trial] = (at, self.epochs)
                    known.add(trial)
                case TrialPaused(trial) | TrialEnded(trial) | TrialQueued(trial) if trial in heard:
                    before, kind = heard.pop(trial)
                    if kind is self.epochs:
                        self.endings.append(at - before)
                    free.append(at)
