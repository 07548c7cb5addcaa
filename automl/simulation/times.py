"""How long the parts of a trial take: given, or measured on the events of past studies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from automl.errors import StudyError
from automl.study.events import EpochReported, Event, TrialStarted, read_events
from automl.study.store import StudyFolder, list_folders
from automl.types import TrialId

__all__ = ["TrialTimes", "measure_times"]


@dataclass(frozen=True)
class TrialTimes:
    """Seconds of a trial's parts.

    Attributes:
        startup_s: from its resources to its first step; paid again whenever a paused trial goes on.
        epoch_s: one epoch, its validation and checkpoint included.
    """

    startup_s: float
    epoch_s: float


def measure_times(results_dir: Path, model: str) -> TrialTimes | None:
    """Medians over all launches of the model's past studies; None when there is nothing to learn from.

    A first epoch comes after start-up and epoch together, so the start-up is what it takes beyond a later
    one; a study of one-epoch trials says nothing of the two apart.
    """
    firsts: list[float] = []
    laters: list[float] = []
    for folder in list_folders(results_dir):
        if _is_of(folder, model):
            _collect(read_events(folder.events), firsts, laters)
    if not laters:
        return None
    epoch_s = median(laters)
    return TrialTimes(max(0.0, median(firsts) - epoch_s), epoch_s)


def _is_of(folder: StudyFolder, model: str) -> bool:
    try:
        return folder.events.is_file() and folder.read_sheet().model == model
    except StudyError:
        return False


def _collect(events: Iterable[tuple[float, Event]], firsts: list[float], laters: list[float]) -> None:
    started: dict[TrialId, float] = {}
    reported: dict[TrialId, float] = {}
    for at, event in events:
        if isinstance(event, TrialStarted):
            started[event.trial] = at
            reported.pop(event.trial, None)
        elif isinstance(event, EpochReported):
            if event.trial in reported:
                laters.append(at - reported[event.trial])
            else:
                firsts.append(at - started[event.trial])
            reported[event.trial] = at
