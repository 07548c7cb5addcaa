"""``bevfusion probe``: what a spec costs, measured in seconds."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from bevfusion.cli.actions import Overrides, SpecFile

__all__ = ["probe"]


def probe(
    spec: SpecFile,
    overrides: Overrides = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")] = False,
) -> None:
    """Measure parameters, time of a frame and memory of a step, without training."""
    from bevfusion.actions.probe import run
    from bevfusion.data.checks import check_inputs
    from bevfusion.errors import DataError
    from bevfusion.spec import load_spec

    loaded = load_spec(spec, overrides or ())
    if faults := check_inputs(loaded, "train"):
        raise DataError(faults)
    measures = run(loaded)
    if as_json:
        print(json.dumps(measures))
        return
    for name, value in measures.items():
        print(f"{name:<12} {value:.3f}")
