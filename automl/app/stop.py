"""Ends a study or action that runs somewhere else on this machine; a study can go on later."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from automl.study.controllers import stop_controller
from automl.study.state import Phase, read_state
from automl.study.store import StudyFolder
from automl.trials.folder import TrialFolder
from automl.trials.leftovers import end_leftovers, find_left_behind

__all__ = ["Stop", "stop"]


@dataclass(frozen=True)
class Stop:
    """What ``automl stop`` has to tell.

    Attributes:
        was_running: whether a controller had the study in hand.
        killed: processes of trials that nobody looked after any more.
        resume: the command that goes on with it; empty where nothing can go on.
    """

    study_id: str
    state: str
    was_running: bool
    killed: int
    resume: str

    def to_json(self) -> dict[str, Any]:
        """The document of ``automl stop --json``."""
        return asdict(self)


def stop(folder: StudyFolder, *, patience_s: float) -> Stop:
    """End the controller of a study and whatever is left of its trials.

    Args:
        folder: of the study.
        patience_s: how long trials may take to save before the controller is killed.

    Raises:
        UsageError: it runs on another machine.
        StudyError: its files are damaged.
    """
    metric = folder.read_sheet().metric
    before = read_state(folder.events, metric)
    was_running = stop_controller(before, patience_s=patience_s)
    after = read_state(folder.events, metric)
    places = [TrialFolder(folder.root), *(folder.trial(trial) for trial in after.records)]
    killed = sum(end_leftovers(place) for place in find_left_behind(places))
    has_ended = after.phase in {Phase.FINISHED, Phase.FAILED}
    can_resume = not has_ended and not folder.job.is_file()
    return Stop(
        study_id=folder.id,
        state=after.phase.value if has_ended else Phase.INTERRUPTED.value,
        was_running=was_running,
        killed=killed,
        resume=folder.command("resume") if can_resume else "",
    )
