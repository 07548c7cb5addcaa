"""Time as a study counts it."""

from __future__ import annotations

import time

__all__ = ["SteadyClock"]


class SteadyClock:
    """POSIX seconds that pass evenly: the wall clock is read once, and no step of it is felt afterwards.

    Args:
        not_before: the first answer is no earlier, even if the wall clock was set back since.
    """

    def __init__(self, not_before: float = 0.0) -> None:
        self._offset_s = max(time.time(), not_before) - time.monotonic()

    def now(self) -> float:
        """POSIX seconds, never less than at an earlier call."""
        return self._offset_s + time.monotonic()
