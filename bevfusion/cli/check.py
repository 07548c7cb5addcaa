"""``bevfusion check``: would this spec work, told within a second and without torch."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from bevfusion.cli.actions import Overrides, SpecFile
from bevfusion.errors import DataError, Fault, SpecError

__all__ = ["check"]


class Action(StrEnum):
    """Actions whose inputs can be checked."""

    TRAIN = "train"
    EVALUATE = "evaluate"
    INFERENCE = "inference"


def check(
    spec: SpecFile,
    overrides: Overrides = None,
    action: Annotated[Action, typer.Option(help="What the spec is for.")] = Action.TRAIN,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Check a spec and the data it names, before anything heavy starts."""
    from bevfusion.data.checks import check_inputs
    from bevfusion.spec import load_spec
    from bevfusion.spec.checks import find_warnings

    errors: Sequence[Fault]
    warnings: list[Fault] = []
    code = 0
    try:
        loaded = load_spec(spec, overrides or ())
    except SpecError as error:
        errors, code = error.faults, error.exit_code
    else:
        warnings = find_warnings(loaded)
        if errors := check_inputs(loaded, action.value):
            code = DataError.exit_code
    if as_json:
        print(json.dumps({"errors": [*map(asdict, errors)], "warnings": [*map(asdict, warnings)]}, indent=2))
    else:
        _tell(errors, warnings)
    return code


def _tell(errors: Sequence[Fault], warnings: Sequence[Fault]) -> None:
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    if not errors:
        print("spec and data can be used")
