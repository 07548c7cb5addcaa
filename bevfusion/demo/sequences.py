"""How the frames of a data set are shared out over streets and splits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["SPLIT_SHARES", "Sequence", "plan_sequences"]

SPLIT_SHARES = {"train": 0.6, "val": 0.15, "test": 0.25}
SEQUENCE_FRAMES = 4
# One street in so many has nobody to detect: frames without ground truth must do no harm.
EMPTY_EVERY = 16


@dataclass(frozen=True)
class Sequence:
    """A run of consecutive frames in one street, all in one split."""

    number: int
    split: str
    first_frame: int
    frames: int

    @property
    def has_persons(self) -> bool:
        """Whether anybody walks in this street."""
        return (self.number + 1) % EMPTY_EVERY != 0


def plan_sequences(frames: int) -> list[Sequence]:
    """Share frames out over the splits, about 60/15/25, and cut each split into sequences of about four."""
    ends = np.rint(np.cumsum([0, *SPLIT_SHARES.values()]) * frames).astype(int)
    sequences: list[Sequence] = []
    for split, first, last in zip(SPLIT_SHARES, ends[:-1], ends[1:], strict=True):
        pieces = max(1, round((last - first) / SEQUENCE_FRAMES))
        for piece in np.array_split(np.arange(first, last), pieces):
            sequences.append(Sequence(len(sequences), split, int(piece[0]), len(piece)))
    return sequences
