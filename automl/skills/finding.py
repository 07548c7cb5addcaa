"""Finds the skill directory of a model by name or by folder, without importing the model."""

from __future__ import annotations

import importlib.util
from importlib.metadata import entry_points
from pathlib import Path

from automl.errors import UsageError
from automl.skills.card import INFO, Skill
from automl.skills.reading import read_skill

__all__ = ["find_skill", "load_skill"]


def load_skill(model: str | None = None, skill_dir: Path | None = None) -> Skill:
    """Read a model's card. A missing or broken schema or template is no error here: policy tells of it.

    Args:
        model: name of an installed model; the only installed one when neither argument is given.
        skill_dir: folder of the skill; wins over ``model``.

    Raises:
        UsageError: no such model or folder.
        SchemaError: ``skill_info.yaml`` cannot be read, with all its faults.
    """
    root = skill_dir.resolve() if skill_dir else find_skill(model)
    path = root / INFO
    if not path.is_file():
        raise UsageError(
            f"{root} is not a skill directory", where=str(path), hint="it needs references/skill_info.yaml"
        )
    return read_skill(root)


def find_skill(model: str | None) -> Path:
    """Folder of an installed model's skill: inside its package (wheel) or beside it (checkout).

    Raises:
        UsageError: no model of that name, or none named and several installed; lists them.
    """
    models = {point.name: point.value for point in entry_points(group="automl.models")}
    if model is None and len(models) == 1:
        model = next(iter(models))
    if model is None or model not in models:
        found = ", ".join(sorted(models)) or "none"
        problem = f"there is no model {model!r}" if model else "which model?"
        raise UsageError(problem, where="--model", hint=f"installed: {found}; or give --skill-dir DIR")
    spec = importlib.util.find_spec(models[model])
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(f"package {models[model]!r} of model {model!r} is not importable", where="--model")
    package = Path(next(iter(spec.submodule_search_locations)))
    for folder in (package / "skill", package.parent):
        if (folder / INFO).is_file():
            return folder.resolve()
    raise UsageError(f"model {model!r} comes without {INFO}", where=str(package), hint="reinstall the model")
