"""A plain action that is no training, on disk: what was asked, and what its status lines add up to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from automl.errors import StatusError, StudyError
from automl.study.store import StudyFolder
from automl.trials.folder import TrialFolder, write_atomically
from automl.trials.status_reader import StatusLine, StatusReader
from automl.types import StudySheet

__all__ = ["read_entry", "read_job", "write_job"]

_STATES = {"SUCCESS": "succeeded", "FAILURE": "failed"}


def write_job(folder: StudyFolder, sheet: StudySheet, *, action: str, data: str | None) -> None:
    """Write ``job.json``, by which later actions find what this one made.

    Args:
        folder: the job's folder.
        sheet: what identifies the job to people and trackers.
        action: what it does.
        data: data root it reads.
    """
    entry = {
        **sheet.to_json(),
        "job_id": folder.id,
        "action": action,
        "data": data,
        "created": datetime.now().astimezone().isoformat(timespec="milliseconds"),
    }
    write_atomically(folder.job, json.dumps(entry, indent=2) + "\n")


def read_job(folder: StudyFolder) -> dict[str, Any]:
    """The document of a plain action: what was asked, its state, its numbers.

    Raises:
        StudyError: ``job.json`` is missing or damaged.
    """
    entry = read_entry(folder)
    lines = _read_lines(folder)
    kpi: Mapping[str, float] = next((line.kpi for line in reversed(lines) if line.kpi), {})
    state = _STATES.get(lines[-1].status, "running") if lines else "queued"
    return {
        **entry,
        "state": state,
        "kpi": dict(kpi),
        "message": lines[-1].message if lines else "",
        "mlflow": folder.read_tracking(),
        "results_dir": str(folder.root),
    }


def read_entry(folder: StudyFolder) -> dict[str, Any]:
    """What was asked of a plain action, as `write_job` wrote it.

    Raises:
        StudyError: ``job.json`` is missing or damaged.
    """
    try:
        entry: Any = json.loads(folder.job.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise StudyError(f"cannot be read: {error}", where=str(folder.job)) from error
    if not isinstance(entry, dict):
        raise StudyError(f"holds a {type(entry).__name__}, not an object", where=str(folder.job))
    return entry


def _read_lines(folder: StudyFolder) -> list[StatusLine]:
    try:
        return StatusReader(TrialFolder(folder.root).status).read_new()
    except StatusError:
        return []
