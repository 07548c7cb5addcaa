"""Suggestions for dotted names that do not exist."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["suggest"]


def suggest(name: str, known: Iterable[str]) -> str:
    """A "did you mean" for a dotted name, empty when nothing is near.

    The last part counts first (``lr`` finds ``train.optimizer.lr``), then the likeness of the whole name.
    """
    names = list(known)
    lasts: dict[str, list[str]] = {}
    for other in names:
        lasts.setdefault(other.rpartition(".")[2], []).append(other)
    near_lasts = get_close_matches(name.rpartition(".")[2], lasts, n=1, cutoff=0.75)
    pool = [other for last in near_lasts for other in lasts[last]]
    near = get_close_matches(name, pool, n=3, cutoff=0.0) or get_close_matches(name, names, n=1, cutoff=0.8)
    return f"did you mean {' or '.join(near)}?" if near else ""
