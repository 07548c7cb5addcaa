"""The model's own check of a spec, run as a child process: exact, quick, and without importing the model."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from automl.errors import AutomlError, DataError, EnvironmentUnusableError, ExitCode, Fault, SpecError
from automl.schema.documents import dump_yaml
from automl.schema.expressions import parse_expression
from automl.schema.limits import Limit
from automl.schema.paths import get_path
from automl.skills import Skill, SkillAction, command_environment, fill_command
from automl.types import Spec

__all__ = ["Findings", "run_preflight"]

_TIMEOUT_S = 120.0
_ERRORS: dict[int, type[AutomlError]] = {ExitCode.USAGE: SpecError, ExitCode.UNUSABLE: DataError}


@dataclass(frozen=True)
class Findings:
    """What the model's own check says of a spec.

    Attributes:
        error: why the model refuses the spec or its data, None when it does not.
        warnings: what works and is still worth telling.
        unusable: data source keys whose file cannot serve, with the reason; another file may stand in.
        limits: what has to hold of every spec that differs from this one in searched values.
    """

    error: AutomlError | None = None
    warnings: tuple[str, ...] = ()
    unusable: Mapping[str, str] = field(default_factory=dict)
    limits: tuple[Limit, ...] = ()


def run_preflight(skill: Skill, action: SkillAction, spec: Spec, where: Callable[[str], str]) -> Findings:
    """Let the model look at a resolved spec before anything is started.

    Args:
        skill: whose folder is the working directory.
        action: its ``preflight`` command prints JSON and ends with 0, 2 or 3. ``errors``, ``warnings`` and
            ``unusable`` are lists of objects with ``message``, ``where`` and ``hint``, ``limits`` one of
            objects with ``formula``, ``at_most`` and ``reason``; each list may be missing.
        spec: resolved spec.
        where: dotted key to the file or flag that set it, for messages.

    Returns:
        What it found; nothing when the action has no such command.

    Raises:
        EnvironmentUnusableError: the command cannot be run or does not keep to the format.
    """
    if not action.preflight:
        return Findings()
    with tempfile.TemporaryDirectory(prefix="automl-") as folder:
        path = Path(folder) / "spec.yaml"
        path.write_text(dump_yaml(spec), "utf-8")
        done = _run(fill_command(action.preflight, config_path=path, skill_dir=skill.root), skill.root)
    report, rename = _read(done), _Renamer(path, spec, where)
    error = None
    if done.returncode in _ERRORS:
        faults = [rename.fault(entry) for entry in report.get("errors") or ()]
        silence = Fault(f"{action.preflight[0]} refused the spec without a reason")
        error = _ERRORS[done.returncode](faults or silence)
    try:
        return Findings(
            error,
            warnings=tuple(str(rename.fault(entry)) for entry in report.get("warnings") or ()),
            unusable={entry["where"]: entry["message"] for entry in report.get("unusable") or ()},
            limits=tuple(_limit(entry) for entry in report.get("limits") or ()),
        )
    except (KeyError, TypeError, ValueError) as cause:
        message = f"the model's check printed something that is not understood: {cause!r}"
        raise EnvironmentUnusableError(message, where="preflight") from cause


def _limit(entry: Mapping[str, Any]) -> Limit:
    formula = parse_expression(entry["formula"])
    return Limit(formula, float(entry["at_most"]), str(entry["reason"]))


def _run(argv: Sequence[str], root: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            argv,
            cwd=root,
            env=command_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as cause:
        raise EnvironmentUnusableError(
            f"{argv[0]} did not end within {_TIMEOUT_S:g} s", where="preflight"
        ) from cause
    except OSError as cause:
        message = f"{argv[0]} cannot be run: {cause.strerror}"
        raise EnvironmentUnusableError(message, where="preflight", hint="is the model installed?") from cause


def _read(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    try:
        report = json.loads(done.stdout)
    except ValueError:
        report = None
    if not isinstance(report, dict) or done.returncode not in (ExitCode.DONE, *_ERRORS):
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-5:])
        message = f"the model's check ended with exit code {done.returncode}"
        raise EnvironmentUnusableError(message, where="preflight", hint=tail)
    return report


class _Renamer:
    """Puts the place where the user wrote a value for the temporary file in which the model found it."""

    def __init__(self, path: Path, spec: Spec, where: Callable[[str], str]) -> None:
        self.path, self.spec, self.where = str(path), spec, where

    def fault(self, entry: Any) -> Fault:
        if not isinstance(entry, dict):
            return Fault(str(entry))
        place = str(entry.get("where") or "")
        key = place.rpartition(":")[2]
        is_key = bool(key) and get_path(self.spec, key, self) is not self
        place = self.where(key) if is_key else place.replace(self.path, "spec")
        return Fault(str(entry.get("message", entry)), place, str(entry.get("hint") or ""))
