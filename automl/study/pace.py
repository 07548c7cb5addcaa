"""How long epochs take in a study, and from that how long a trainer may be silent."""

from __future__ import annotations

from collections import deque
from statistics import median

from automl.study.events import EpochReported, Event, StudyStarted, TrialStarted
from automl.types import Patience, TrialId

__all__ = ["Pace"]

_REMEMBERED = 30
_FACTOR = 10.0
_LEAST_S = 600.0


class Pace:
    """Learns from the events how far apart the reports of a trial are; the longest silence is ten times that.

    Args:
        silence_s: what the user allows at every stage; None leaves it to what is learned.
    """

    def __init__(self, silence_s: float | None = None) -> None:
        self._silence_s = silence_s
        self._last_at: dict[TrialId, float] = {}
        self._is_first: set[TrialId] = set()
        self._first_s: deque[float] = deque(maxlen=_REMEMBERED)
        self._between_s: deque[float] = deque(maxlen=_REMEMBERED)

    def take_in(self, event: Event, at: float) -> None:
        """Learn from the next event."""
        match event:
            case StudyStarted():
                self._last_at.clear()
            case TrialStarted(trial=trial):
                self._last_at[trial] = at
                self._is_first.add(trial)
            case EpochReported(trial=trial) if trial in self._last_at:
                known = self._first_s if trial in self._is_first else self._between_s
                known.append(at - self._last_at[trial])
                self._last_at[trial] = at
                self._is_first.discard(trial)
            case _:
                self._last_at.pop(getattr(event, "trial", TrialId("")), None)

    def patience(self) -> Patience:
        """How long the next launch may be silent."""
        if self._silence_s is not None:
            return Patience.throughout(self._silence_s)
        default = Patience()
        return Patience(
            default.start_s,
            _learned_s(self._first_s, default.first_epoch_s),
            _learned_s(self._between_s, default.epoch_s),
        )


def _learned_s(seen_s: deque[float], default_s: float) -> float:
    return max(_LEAST_S, _FACTOR * median(seen_s)) if seen_s else default_s
