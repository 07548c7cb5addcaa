"""Trials in order of their quality, as they come and go."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator

from automl.types import TrialId

__all__ = ["Ranking"]

_Entry = tuple[float, int, TrialId]


class Ranking:
    """Keeps its members sorted, so that the best are at hand whatever their number.

    The best comes first, and among equals the one with the earlier turn.
    """

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._own: dict[TrialId, _Entry] = {}

    def __contains__(self, trial: TrialId) -> bool:
        return trial in self._own

    def __len__(self) -> int:
        return len(self._own)

    def __iter__(self) -> Iterator[TrialId]:
        return (trial for _, _, trial in self._entries)

    def put(self, trial: TrialId, quality: float, turn: int) -> None:
        """Take a trial in; one that is there already gets its new place.

        Args:
            trial: its id.
            quality: larger is better.
            turn: decides among equals, the smaller comes first.
        """
        entry = (-quality, turn, trial)
        if self._own.get(trial) != entry:
            self.discard(trial)
            self._own[trial] = entry
            insort(self._entries, entry)

    def discard(self, trial: TrialId) -> None:
        """Let a trial go; nothing when it is not there."""
        if (entry := self._own.pop(trial, None)) is not None:
            del self._entries[bisect_left(self._entries, entry)]

    def first(self, most: int) -> list[TrialId]:
        """The best of them, so many at most."""
        return [trial for _, _, trial in self._entries[:most]]
