"""The model that an action starts from: the checkpoint of a parent job, found in its folder."""

from __future__ import annotations

import re
from pathlib import Path

from automl.errors import UsageError
from automl.request import RunRequest
from automl.skills import SkillAction

__all__ = ["PARENT_FUNCTIONS", "bind_parent"]

PARENT_FUNCTIONS = ("parent_model", "parent_model_folder")
"""``spec_params`` functions that need a parent job (or a path that the user sets)."""

_EPOCH = re.compile(r"epoch[_=-]?0*(\d+)", re.IGNORECASE)
_SUFFIXES = (".pth", ".pt", ".ckpt", ".tlt", ".hdf5", ".json")


def bind_parent(action: SkillAction, request: RunRequest) -> dict[str, str]:
    """Values of the keys that ``--parent-job-id`` fills: ``parent_model`` and ``parent_model_folder``.

    A study's model is the checkpoint of its winner; a plain job's is its newest by epoch *number*.

    Raises:
        UsageError: there is no such job, or it has no checkpoint or several of the same epoch; lists what was
            found.
    """
    if request.parent_job_id is None:
        return {}
    folder = request.results_dir.resolve() / request.parent_job_id
    if not folder.is_dir() or folder.parent != request.results_dir.resolve():
        known = ", ".join(sorted(p.name for p in folder.parent.glob("*") if p.is_dir())) or "none"
        raise UsageError(
            f"there is no job {request.parent_job_id!r}", where="--parent-job-id", hint=f"jobs: {known}"
        )
    model_keys = action.keys_filled_by("parent_model") or action.keys_filled_by("ptm_if_no_resume_model")
    values = {key: str(folder) for key in action.keys_filled_by("parent_model_folder")}
    if model_keys:
        checkpoint = str(_find_checkpoint(folder))
        values |= dict.fromkeys(model_keys, checkpoint)
    if not values:
        raise UsageError(
            f"{action.name} starts from no other job", where="--parent-job-id", hint="leave it out"
        )
    return values


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
