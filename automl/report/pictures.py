"""Pictures that travel inside the page, default beside winner on the same frame."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from automl.report.material import Evaluation

__all__ = ["Pair", "pair_pictures"]

_MOST_PAIRS = 6
_MOST_BYTES = 12_000_000


@dataclass(frozen=True)
class Pair:
    """One frame as two models see it, as data URIs; None where only the other one was pictured.

    Attributes:
        frame: what the two have in common, the last part of their names.
    """

    frame: str
    default: str | None
    winner: str | None


def pair_pictures(default: Evaluation | None, winner: Evaluation | None) -> list[Pair]:
    """Pictures of the same frame side by side, those that both have first, as many as a mail can carry."""
    sides = [_by_frame(evaluation.pictures) if evaluation else {} for evaluation in (default, winner)]
    frames = sorted({**sides[1], **sides[0]}, key=lambda frame: sum(frame not in side for side in sides))
    pairs: list[Pair] = []
    spent = 0
    for frame in frames[:_MOST_PAIRS]:
        before, after = (side.get(frame) for side in sides)
        spent += sum(file.stat().st_size for file in (before, after) if file)
        if spent > _MOST_BYTES:
            break
        pairs.append(Pair(frame, _data_uri(before), _data_uri(after)))
    return pairs


def _by_frame(pictures: Mapping[str, Path]) -> dict[str, Path]:
    """Frame to picture: ``best_1_000123`` and ``worst_2_000123`` show the same frame."""
    return {
        name.rpartition("_")[2]: path for name, path in pictures.items() if "_" in name and name[-1].isdigit()
    }


def _data_uri(path: Path | None) -> str | None:
    if path is None:
        return None
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
