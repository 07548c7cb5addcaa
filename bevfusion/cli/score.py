"""``bevfusion score``: any detector's KITTI text files, scored by KITTI's rule."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["score"]


class Protocol(StrEnum):
    """Whose classes, thresholds and key names are used."""

    TAO3D = "tao3d"
    KITTI = "kitti"


def score(
    gt: Annotated[Path, typer.Option(help="Folder of label files, one per frame.")],
    pred: Annotated[Path, typer.Option(help="Folder of prediction files; column 16 is the score.")],
    classes: Annotated[str | None, typer.Option(help="Classes to score, separated by commas.")] = None,
    protocol: Annotated[Protocol, typer.Option(help="Classes, thresholds and key names.")] = Protocol.TAO3D,
    frames: Annotated[
        Path | None, typer.Option(help="List of the frames to score, such as ImageSets/test.txt.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one flat JSON object.")] = False,
) -> None:
    """Score detections in KITTI's text format."""
    from bevfusion.metrics.score import score_folders

    names = [name.strip() for name in classes.split(",")] if classes else None
    figures = score_folders(gt, pred, classes=names, protocol=protocol.value, frames=frames)
    if as_json:
        print(json.dumps(figures, indent=2))
    else:
        _print_table(figures)


def _print_table(figures: dict[str, float]) -> None:
    """One row per class, view, measure and threshold; one column per difficulty."""
    from rich.console import Console
    from rich.table import Table

    difficulties = ("easy", "moderate", "hard")
    rows: dict[str, dict[str, float]] = {}
    for key, value in figures.items():
        found = next((name for name in difficulties if f"_{name}_" in key), None)
        row = key if found is None else key.replace(f"_{found}_", "_")
        rows.setdefault(row, {})[found or difficulties[1]] = value
    table = Table("AP in percent", *difficulties)
    for name, values in rows.items():
        table.add_row(name, *(f"{values[key]:.2f}" if key in values else "" for key in difficulties))
    Console().print(table)
