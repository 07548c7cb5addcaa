"""Greedy non-maximum suppression on a table of who suppresses whom."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["keep_best"]


def keep_best(suppresses: NDArray[np.bool_], order: Iterable[int]) -> list[int]:
    """Go through the candidates from best to worst and drop all that a kept one suppresses.

    Args:
        suppresses: (n, n) row i marks what i removes once it is kept.
        order: indices from best to worst.

    Returns:
        kept indices, best first.
    """
    alive = np.ones(len(suppresses), dtype=bool)
    kept = []
    for index in order:
        if alive[index]:
            kept.append(index)
            alive &= ~suppresses[index]
    return kept
