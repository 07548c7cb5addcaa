"""The model that an action starts from: a parent job's checkpoint, and the spec that it was trained with."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automl.errors import SpecError, UsageError
from automl.request import RunRequest
from automl.schema.documents import read_yaml_mapping
from automl.schema.spec import Layer
from automl.skills import SkillAction

__all__ = ["PARENT_FUNCTIONS", "Parent", "bind_parent", "inherited_layer"]

PARENT_FUNCTIONS = ("parent_model", "parent_model_folder")
"""``spec_params`` functions that need a parent job (or a path that the user sets)."""

_EPOCH = re.compile(r"epoch[_=-]?0*(\d+)", re.IGNORECASE)
_SUFFIXES = (".pth", ".pt", ".ckpt", ".tlt", ".hdf5", ".json")
_SPEC = "spec.yaml"


@dataclass(frozen=True)
class Parent:
    """What ``--parent-job-id`` means for one action.

    Attributes:
        values: spec key to checkpoint or folder.
        spec: the spec that trained the checkpoint; None where no job is named or none lies beside it.
    """

    values: Mapping[str, str]
    spec: Path | None = None


def bind_parent(action: SkillAction, request: RunRequest) -> Parent:
    """The keys that ``--parent-job-id`` fills (``parent_model``, ``parent_model_folder``), and their spec.

    A study's model is the checkpoint of its winner; a plain job's is its newest by epoch *number*.

    Raises:
        UsageError: there is no such job, or it has no checkpoint or several of the same epoch; lists what was
            found.
    """
    if request.parent_job_id is None:
        return Parent({})
    folder = request.results_dir.resolve() / request.parent_job_id
    if not folder.is_dir() or folder.parent != request.results_dir.resolve():
        known = ", ".join(sorted(p.name for p in folder.parent.glob("*") if p.is_dir())) or "none"
        raise UsageError(
            f"there is no job {request.parent_job_id!r}", where="--parent-job-id", hint=f"jobs: {known}"
        )
    model_keys = action.keys_filled_by("parent_model") or action.keys_filled_by("ptm_if_no_resume_model")
    values = {key: str(folder) for key in action.keys_filled_by("parent_model_folder")}
    if not model_keys and not values:
        raise UsageError(
            f"{action.name} starts from no other job", where="--parent-job-id", hint="leave it out"
        )
    if not model_keys:
        return Parent(values)
    checkpoint = _find_checkpoint(folder)
    return Parent({**values, **dict.fromkeys(model_keys, str(checkpoint))}, _find_spec(checkpoint, folder))


def inherited_layer(action: SkillAction, template: Mapping[str, Any], spec: Path) -> Layer:
    """A parent's spec as the layer under the user's: the model that is built is the one that was trained.

    Data sources, the block named after the action and what the platform sets stay the new job's; keys that
    the action does not know are left out.

    Args:
        action: the new job's.
        template: its default spec; empty where any key is taken.
        spec: the parent's resolved spec.

    Raises:
        SpecError: the parent's spec cannot be read.
    """
    sources = {source.key for source in action.data_sources}
    own = {action.name, *action.spec_params, *action.keys.named().values()} | sources
    return Layer(str(spec), _take_shared(template, read_yaml_mapping(spec, SpecError), own))


def _take_shared(
    template: Mapping[str, Any], donor: Mapping[str, Any], own: Set[str], prefix: str = ""
) -> dict[str, Any]:
    shared: dict[str, Any] = {}
    for key, value in donor.items():
        name = f"{prefix}{key}"
        if name in own or (template and key not in template):
            continue
        below = template.get(key, {})
        is_group = isinstance(value, Mapping) and isinstance(below, Mapping)
        shared[key] = _take_shared(below, value, own, f"{name}.") if is_group else value
    return shared


def _find_spec(checkpoint: Path, job: Path) -> Path | None:
    """The nearest spec at or above a checkpoint, inside its job."""
    folders = [folder for folder in checkpoint.parents if folder == job or job in folder.parents]
    return next((path for folder in folders if (path := folder / _SPEC).is_file()), None)


def _find_checkpoint(folder: Path) -> Path:
    winner = [path for path in sorted((folder / "best").glob("checkpoint.*")) if path.suffix in _SUFFIXES]
    if len(winner) == 1:
        return winner[0]
    found: dict[int, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        match = _EPOCH.search(path.stem)
        if match and path.suffix in _SUFFIXES and path.is_file():
            found.setdefault(int(match[1]), []).append(path)
    if not found:
        files = ", ".join(sorted(p.name for p in folder.rglob("*") if p.is_file())[:10]) or "nothing"
        raise UsageError("has no checkpoint", where=str(folder), hint=f"found: {files}")
    newest = found[max(found)]
    if len(newest) > 1:
        names = ", ".join(str(path.relative_to(folder)) for path in newest)
        raise UsageError(
            f"has {len(newest)} checkpoints of epoch {max(found)}", where=str(folder), hint=f"found: {names}"
        )
    return newest[0]
