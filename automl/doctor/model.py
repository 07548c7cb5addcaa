"""The model's side: its schemas, its data, and its own doctor, run as a child process."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from automl.doctor.check import Check, CheckStatus
from automl.errors import AutomlError
from automl.planning.data_sources import bind_data
from automl.planning.inputs import ActionFiles, read_files, user_layers
from automl.request import RunRequest
from automl.schema.documents import dump_yaml
from automl.schema.spec import Layer, resolve_spec
from automl.skills import Skill, SkillAction, command_environment, fill_command
from automl.types import Spec

__all__ = ["check_data", "check_schemas", "examine_model", "resolve_default_spec"]

_TIMEOUT_S = 600.0
_WORDS_OF_LOG = 3


def check_schemas(skill: Skill, files: ActionFiles, action: str) -> Check:
    """Schema and template of an action: without them there is no search."""
    if files.errors:
        found = "; ".join(str(error).partition("\n")[0] for error in files.errors)
        remedy = (
            f"generate them with `{skill.name} schema`, or reinstall the model; until then training is plain"
        )
        return Check("schemas", CheckStatus.WARNING, found, remedy)
    if not skill.automl_enabled:
        remedy = "set automl_enabled: true in its skill_info.yaml to search"
        return Check("schemas", CheckStatus.WARNING, f"{skill.name} is not AutoML-enabled", remedy)
    return Check("schemas", CheckStatus.OK, f"{skill.name}, action {action}, from {skill.root}")


def check_data(skill: Skill, action: SkillAction, request: RunRequest) -> tuple[Check, dict[str, str]]:
    """Where the files of ``--data`` are, and the spec keys that they fill."""
    if request.data is None:
        remedy = "--data ROOT looks into a data set"
        return Check("data files", CheckStatus.WARNING, "no data set was named", remedy), {}
    try:
        binding = bind_data(skill, action, request)
    except AutomlError as error:
        return _failed("data files", error), {}
    values = dict(binding.values)
    found = ", ".join(sorted(set(values.values())))
    if binding.warnings:
        remedy = "; ".join(binding.warnings)
        return Check("data files", CheckStatus.WARNING, found, remedy), values
    return Check("data files", CheckStatus.OK, found), values


def resolve_default_spec(
    skill: Skill, action: SkillAction, request: RunRequest, sources: dict[str, str]
) -> tuple[Check, Spec | None]:
    """The spec that a study would start from; None when it cannot be made."""
    files = read_files(skill, action)
    try:
        layers = [*user_layers(skill, request), Layer("--data", sources)]
        spec = resolve_spec(files.template, files.schema, layers).values
    except AutomlError as error:
        return _failed("spec", error), None
    return Check("spec", CheckStatus.OK, "template, profile, file and --set fit the schema"), spec


def examine_model(skill: Skill, spec: Spec) -> Iterator[Check]:
    """What the model's own doctor finds with a spec; nothing for a model that has none."""
    if skill.doctor is None:
        return
    with tempfile.TemporaryDirectory(prefix="automl-") as folder:
        path = Path(folder) / "spec.yaml"
        path.write_text(dump_yaml(spec), "utf-8")
        argv = fill_command(skill.doctor, config_path=path, skill_dir=skill.root)
        try:
            done = subprocess.run(
                argv,
                cwd=skill.root,
                env=command_environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.SubprocessError) as error:
            yield Check(f"{skill.name} doctor", CheckStatus.FAILED, str(error), "is the model installed?")
            return
    yield from _read_checks(skill, done)


def _read_checks(skill: Skill, done: subprocess.CompletedProcess[str]) -> Iterator[Check]:
    try:
        for entry in json.loads(done.stdout)["checks"]:
            yield _read_check(entry)
    except (ValueError, KeyError, TypeError):
        tail = " | ".join((done.stderr or done.stdout).strip().splitlines()[-_WORDS_OF_LOG:])
        found = f"ended with exit code {done.returncode} and no list of checks: {tail}"
        remedy = f"run it by hand: {' '.join(skill.doctor or ())}"
        yield Check(f"{skill.name} doctor", CheckStatus.FAILED, found, remedy)


def _read_check(entry: Any) -> Check:
    return Check(
        str(entry["name"]),
        CheckStatus(entry["status"]),
        str(entry["found"]),
        str(entry.get("remedy") or ""),
    )


def _failed(name: str, error: AutomlError) -> Check:
    found = "; ".join(f"{fault.where}: {fault.message}" for fault in error.faults)
    remedies = dict.fromkeys(fault.hint for fault in error.faults if fault.hint)
    return Check(name, CheckStatus.FAILED, found, "; ".join(remedies))
