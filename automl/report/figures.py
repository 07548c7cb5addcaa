"""The numbers of the test part: average precision by class and view where there is such, and all others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["PrecisionRow", "list_figures", "tabulate_precision"]

_KEY = re.compile(r"^TAO3D/(?P<class>.+)_(?P<view>3D|BEV|2D)_AP11_(?P<difficulty>easy|moderate|hard)_strict$")
DIFFICULTIES = ("easy", "moderate", "hard")


@dataclass(frozen=True)
class PrecisionRow:
    """AP11 of one class in one view, in percent.

    Attributes:
        cells: for each difficulty the default's and the winner's; None where not measured.
    """

    name: str
    view: str
    cells: tuple[tuple[float | None, float | None], ...]


def tabulate_precision(default: Mapping[str, float], winner: Mapping[str, float]) -> tuple[PrecisionRow, ...]:
    """Rows of the AP11 table (strict overlap); none for a model with other keys."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for key in (*winner, *default):
        if match := _KEY.match(key):
            found.setdefault((match["class"], match["view"]), {})[match["difficulty"]] = key
    return tuple(
        PrecisionRow(
            name,
            view,
            tuple((default.get(keys.get(d, "")), winner.get(keys.get(d, ""))) for d in DIFFICULTIES),
        )
        for (name, view), keys in found.items()
    )


def list_figures(
    default: Mapping[str, float], winner: Mapping[str, float]
) -> list[tuple[str, float | None, float | None]]:
    """Every number that was measured: name, default, winner."""
    return [(key, default.get(key), winner.get(key)) for key in sorted({*default, *winner})]
