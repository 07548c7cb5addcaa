"""``bevfusion demo_data``: a data set to try everything on."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["LayoutName", "demo_data"]


class LayoutName(StrEnum):
    """Conventions that scenes can be written in."""

    KITTI = "kitti"
    TAO3D = "tao3d"
    TAO3D_SYNTHETIC = "tao3d_synthetic"


def demo_data(
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    frames: Annotated[int, typer.Option(min=7, help="Frames of all parts together.")] = 400,
    seed: Annotated[int, typer.Option(min=0, help="Another number makes other scenes.")] = 0,
    layout: Annotated[LayoutName, typer.Option(help="Folders and label convention.")] = LayoutName.KITTI,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; default: all cores.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
) -> None:
    """Write a synthetic street data set, the same scenes in whichever layout."""
    from bevfusion.demo import write_dataset

    write_dataset(out, frames=frames, seed=seed, layout=layout.value, workers=workers, progress=not quiet)
