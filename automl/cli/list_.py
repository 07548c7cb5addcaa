"""``automl list``: all studies and jobs of a results folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automl.cli.studies import ResultsDir
from automl.places import tell_place
from automl.study.figures import figure

if TYPE_CHECKING:
    from automl.study.store import StudyFolder

__all__ = ["command"]

_TITLES = ("id", "model", "action", "state", "trials", "metric", "default", "best")


def command(
    results_dir: ResultsDir = Path("results"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> int:
    r"""List all studies and jobs, newest last.

    \b
    Examples:
      automl list
      automl list --results-dir ./results --json
    """
    from automl.cli.leaderboard import print_table
    from automl.study.store import list_folders

    entries = [_entry(folder) for folder in list_folders(results_dir)]
    if as_json:
        print(json.dumps({"results_dir": str(results_dir.resolve()), "entries": entries}))
    elif entries:
        print_table(_TITLES, [[_cell(entry[title]) for title in _TITLES] for entry in entries])
    else:
        print(f"no studies or jobs in {tell_place(results_dir)}; another place is given with --results-dir")
    return 0


def _entry(folder: StudyFolder) -> dict[str, Any]:
    """One row; a folder that cannot be read is shown as damaged and hides no other."""
    from automl.errors import AutomlError
    from automl.study.job import read_job
    from automl.study.summary import read_summary

    entry: dict[str, Any] = {**dict.fromkeys(_TITLES), "id": folder.id, "state": "damaged"}
    try:
        if folder.job.is_file():
            job = read_job(folder)
            return {**entry, "model": job.get("model"), "action": job.get("action"), "state": job["state"]}
        found = read_summary(folder)
        model = folder.read_sheet().model
    except AutomlError:
        return entry
    values = {side: found[side]["value"] for side in ("default", "best") if found[side]}
    told = {"model": model, "action": "train", "metric": found["metric"], **values}
    return {**entry, **told, "state": found["state"], "trials": len(found["trials"])}


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return figure(value) if isinstance(value, float) else str(value)
