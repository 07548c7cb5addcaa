"""``bevfusion check``: would this spec work, told within a second and without torch."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from bevfusion.cli.actions import Overrides, SpecFile
from bevfusion.errors import DataError, Fault, SpecError

if TYPE_CHECKING:
    from bevfusion.data.checks import Inspection
    from bevfusion.spec.experiment import ExperimentSpec

__all__ = ["check"]

_FRAMES_OF_UPDATE = "dataset.train_dataset.batch_size * train.num_gpus * train.num_nodes * train.accumulation"
_SAMPLING = "dataset.augmentation.object_sampling.probability"


class Action(StrEnum):
    """Actions whose inputs can be checked."""

    TRAIN = "train"
    EVALUATE = "evaluate"
    INFERENCE = "inference"


@dataclass(frozen=True)
class Limit:
    """A formula over keys of the spec that may be changed, and what it must not exceed."""

    formula: str
    at_most: float
    reason: str


def check(
    spec: SpecFile,
    overrides: Overrides = None,
    action: Annotated[Action, typer.Option(help="What the spec is for.")] = Action.TRAIN,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Check a spec and the data it names, before anything heavy starts."""
    from bevfusion.data.checks import Inspection, inspect_inputs
    from bevfusion.spec import load_spec
    from bevfusion.spec.checks import find_warnings

    found, warnings, limits = Inspection(), list[Fault](), list[Limit]()
    try:
        loaded = load_spec(spec, overrides or ())
    except SpecError as error:
        errors: Sequence[Fault] = error.faults
        code = error.exit_code
    else:
        found, warnings = inspect_inputs(loaded, action.value), find_warnings(loaded)
        errors, limits = found.faults, _limits(loaded, found)
        code = DataError.exit_code if errors else 0
    if as_json:
        told: Mapping[str, Sequence[Fault | Limit]] = {
            "errors": errors,
            "warnings": warnings,
            "unusable": _unusable(found),
            "limits": limits,
        }
        print(json.dumps({name: [*map(asdict, entries)] for name, entries in told.items()}, indent=2))
    else:
        _tell(errors, [*warnings, *_unusable(found)])
    return code


def _unusable(found: Inspection) -> list[Fault]:
    """Data sources for which another file may stand in."""
    return [
        Fault(f"the frames of {path.name} have no labels", key, "name a split with labels")
        for key, path in found.unlabelled.items()
    ]


def _limits(spec: ExperimentSpec, found: Inspection) -> list[Limit]:
    """What has to hold of every spec that differs from this one in a few values."""
    limits = []
    if found.train_frames:
        frames = found.train_frames * (spec.dataset.train_dataset.repeat_time or 1)
        reason = f"one update takes batch size x processes x accumulation frames, an epoch has {frames}"
        limits.append(Limit(_FRAMES_OF_UPDATE, frames, reason))
    if found.missing_objects:
        reason = f"there is no {found.missing_objects}: remove the info file beside it and convert again"
        limits.append(Limit(_SAMPLING, 0, reason))
    return limits


def _tell(errors: Sequence[Fault], warnings: Sequence[Fault]) -> None:
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for error in errors:
        print(f"error: {error}", file=sys.stderr)
    if not errors:
        print("spec and data can be used")
