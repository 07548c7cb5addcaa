"""Numbers to pixels along one axis, and the round numbers that are written beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Scale", "scale_over"]

_STEPS = (1.0, 2.0, 5.0, 10.0)
_WANTED_TICKS = 5
_LOG_TICKS = (1.0, 2.0, 5.0)


@dataclass(frozen=True)
class Scale:
    """One axis.

    Attributes:
        low: value at ``start_px``.
        high: value at ``end_px``; above ``low``.
        log: whether equal factors take equal lengths.
    """

    low: float
    high: float
    start_px: float
    end_px: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Where a value lies, in pixels."""
        low, high, at = (math.log10(v) if self.log else v for v in (self.low, self.high, value))
        return self.start_px + (at - low) / (high - low) * (self.end_px - self.start_px)

    def ticks(self) -> tuple[float, ...]:
        """About five round numbers between the bounds."""
        if self.log and self.high / self.low >= 10:
            return self._log_ticks()
        rough = (self.high - self.low) / _WANTED_TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(step * power for step in _STEPS if step * power >= rough * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        count = math.floor(self.high / step + 1e-9) - first
        return tuple(round((first + i) * step, 12) for i in range(count + 1))

    def _log_ticks(self) -> tuple[float, ...]:
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        decades = tuple(10.0**p for p in powers if self._holds(10.0**p))
        if len(decades) >= 3:
            return decades
        return tuple(t * 10.0**p for p in powers for t in _LOG_TICKS if self._holds(t * 10.0**p))

    def _holds(self, value: float) -> bool:
        return self.low * 0.999 <= value <= self.high * 1.001


def scale_over(
    values: Iterable[float], start_px: float, end_px: float, *, log: bool = False, margin: float = 0.04
) -> Scale:
    """A scale that shows all values, with some air; a single value stands in the middle.

    Args:
        values: finite numbers, above zero where ``log``.
        start_px: where the axis begins.
        end_px: where it ends.
        log: whether equal factors take equal lengths.
        margin: share of the axis left free at either end.
    """
    known = sorted(values) or [0.0, 1.0]
    low, high = known[0], known[-1]
    if log:
        air = (high / low) ** margin if high > low else 2.0
        return Scale(low / air, high * air, start_px, end_px, log=True)
    air = (high - low) * margin if high > low else abs(high) * 0.1 or 1.0
    return Scale(low - air, high + air, start_px, end_px)
