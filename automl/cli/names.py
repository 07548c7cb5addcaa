"""Short names of dotted parameters, for tables and lines that people read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

__all__ = ["shorten"]


def shorten(names: Iterable[str]) -> dict[str, str]:
    """Dotted name to the shortest end of it that no other name shares."""
    parts = {name: name.split(".") for name in names}
    ends = Counter(".".join(words[-k:]) for words in parts.values() for k in range(1, len(words) + 1))
    return {
        name: next((end for k in range(1, len(words) + 1) if ends[end := ".".join(words[-k:])] == 1), name)
        for name, words in parts.items()
    }
