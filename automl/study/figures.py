"""A measured value as people read it, whatever unit its metric has."""

from __future__ import annotations

import math

__all__ = ["figure", "signed_figure"]

_DECIMALS = 2
_DIGITS = 4
_LEAST, _MOST = 1e-6, 1e7


def figure(value: float) -> str:
    """Two decimals; four digits below 1, where two decimals would show fewer.

    So an AP of 63.80 keeps its form, and two losses of 0.0012 and 0.0034 do not both read 0.00.
    """
    size = abs(value)
    if size != 0 and not _LEAST <= size < _MOST:
        return f"{value:.{_DIGITS}g}"
    decimals = _DIGITS - 1 - math.floor(math.log10(size)) if 0 < size < 1 else _DECIMALS
    text = f"{value:.{decimals}f}"
    needless = len(text) - len(text.rstrip("0"))
    return text[: len(text) - min(needless, decimals - _DECIMALS)]


def signed_figure(value: float) -> str:
    """The same of a difference, with its sign in front."""
    return f"{'' if value < 0 else '+'}{figure(value)}"
