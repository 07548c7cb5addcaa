"""Fills an action's data source keys from ``--data``: files of the root, or what a convert job wrote."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from automl.errors import DataError, Fault, UsageError
from automl.places import is_uri
from automl.planning.convert_jobs import CONVERT, choose_convert_job, convert_job_of, source_name
from automl.planning.parents import PARENT_FUNCTIONS
from automl.request import RunRequest
from automl.schema.paths import get_path
from automl.skills import DataSource, Skill, SkillAction
from automl.types import Spec

__all__ = ["DATA", "DataBinding", "bind_data", "find_missing_inputs"]

DATA = "--data"
"""Source of the values that come from the data root."""
_FILE_KINDS = ("file", "folder")


@dataclass(frozen=True)
class DataBinding:
    """What ``--data`` means for one action.

    Attributes:
        values: spec key to absolute path or URI.
        spares: spec key to the file that stands in when the model cannot use the one in ``values``.
        warnings: what the user should know of it.
    """

    values: Mapping[str, str]
    spares: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def with_spares(self, unusable: Mapping[str, str]) -> DataBinding:
        """The same with other files for sources that the model cannot use, where there are others.

        Args:
            unusable: spec key to the reason.
        """
        spares = {key: path for key, path in self.spares.items() if key in unusable}
        rest = {key: path for key, path in self.spares.items() if key not in unusable}
        told = (
            f"{key}: {unusable[key]}; with {Path(path).name} instead, "
            "winner and figures come from the same frames"
            for key, path in spares.items()
        )
        return DataBinding({**self.values, **spares}, rest, (*self.warnings, *told))


def bind_data(skill: Skill, action: SkillAction, request: RunRequest) -> DataBinding:
    """Find the files of every data source key of an action.

    Converted files are looked for in the root, then in the newest ``dataset_convert`` job for that root;
    ``--convert-job-id`` picks one. Data at a URI are brought onto this machine first.

    Raises:
        UsageError: the action of this model takes no data, or there is no such convert job.
        DataError: the root is not there, or files are missing; says how to make them.
        EnvironmentUnusableError: data at a URI cannot be fetched, or there is no room for them.
    """
    if request.data is None:
        return DataBinding({})
    if not action.data_sources:
        known = ", ".join(action.inputs) or "none"
        raise UsageError(
            f"{skill.name} does not say which keys of {action.name} --data fills",
            where=DATA,
            hint=f"set them with --set key=path; inputs of the action: {known}",
        )
    if is_uri(request.data):
        from automl.storage import stage  # noqa: PLC0415 - local data need no object store

        return _bind_folder(skill, action, request, stage(request.data).root)
    return _bind_folder(skill, action, request, Path(request.data).expanduser().resolve())


def find_missing_inputs(action: SkillAction, spec: Spec, unset: Iterable[str] = ()) -> list[Fault]:
    """What an action needs and its spec leaves empty, one fault a key.

    Args:
        action: its data sources and inputs are needed.
        spec: resolved spec.
        unset: keys that the schema requires and the spec leaves empty.
    """
    sources = {source.key for source in action.data_sources if not source.optional}
    sources |= {key for key, entry in action.inputs.items() if _is_required(entry)}
    empty = {key for key in sources if get_path(spec, key) in (None, "", [], {})} | set(unset)
    parents = {key for function in PARENT_FUNCTIONS for key in action.keys_filled_by(function)}
    faults = []
    for key in sorted(empty - (set(action.spec_params) - parents)):
        what, flag, value = "is required by the schema", "", "VALUE"
        if key in parents:
            what, flag, value = "is the model to start from", "--parent-job-id ID, or ", "PATH"
        elif key in sources:
            what, flag, value = "is a data source", "--data ROOT, or ", "PATH"
        faults.append(Fault(f"{what} and is not set", key, f"give {flag}--set {key}={value}"))
    return faults


def _is_required(entry: Any) -> bool:
    return isinstance(entry, dict) and entry.get("type") in _FILE_KINDS and not entry.get("optional")


def _bind_folder(skill: Skill, action: SkillAction, request: RunRequest, root: Path) -> DataBinding:
    if not root.is_dir():
        raise DataError("is not a folder", where=str(root), hint="--data takes the root of the data set")
    if (job := convert_job_of(root)) is not None and job.converted != str(root):
        words = ["--data", job.converted, "--results-dir", str(root.parent), "--convert-job-id", root.name]
        hint = f"give the data that it converted: {shlex.join(words)}"
        raise DataError(f"is what a {CONVERT} job wrote, not a data set", where=str(root), hint=hint)
    places = _places(request, root)
    values: dict[str, str] = {}
    spares: dict[str, str] = {}
    absent: dict[str, str] = {}
    missing: list[DataSource] = []
    for source in action.data_sources:
        found = root if source.file == "." else _find(source.file, places)
        spare = _find(source.fallback, places) if source.fallback else None
        if spare:
            spares[source.key] = str(spare)
        if found:
            values[source.key] = str(found)
        elif spare:
            absent[source.key] = f"there is no {source.file}"
        elif not source.optional:
            missing.append(source)
    if missing:
        raise DataError(_missing_faults(skill, request, root, missing))
    return DataBinding(values, spares).with_spares(absent)


def _places(request: RunRequest, root: Path) -> list[Path]:
    """Where files are looked for, the first place first: a job that was named goes before the root."""
    job = choose_convert_job(request, source_name(request.data, root))
    if job is None:
        return [root]
    converted = _fetched(job.folder)
    return [root, converted] if request.convert_job_id is None else [converted, root]


def _fetched(job: Path) -> Path:
    """The folder of a job, large files included, which stay where results lie until somebody needs them."""
    from automl.storage import fetch_study  # noqa: PLC0415 - slow to import

    fetch_study(job)
    return job


def _find(file: str, places: Sequence[Path]) -> Path | None:
    """The first of that name that is not an empty file."""
    paths = (place / file for place in places)
    return next(
        (path for path in paths if path.is_dir() or (path.is_file() and path.stat().st_size > 0)), None
    )


def _missing_faults(
    skill: Skill, request: RunRequest, root: Path, missing: Sequence[DataSource]
) -> list[Fault]:
    hint = "check --data"
    if CONVERT in skill.actions:
        model = (
            ["--skill-dir", str(request.skill_dir)]
            if request.skill_dir
            else ["--model", request.model or skill.name]
        )
        words = ["automl", "run", *model, "--action", CONVERT, "--data", source_name(request.data, root)]
        if request.results_dir != RunRequest().results_dir:
            words += ["--results-dir", str(request.results_dir)]
        hint = f"run {CONVERT} first: {shlex.join(words)}"
    return [
        Fault(f"{source.key}: converted file is missing", str(root / source.file), hint) for source in missing
    ]
