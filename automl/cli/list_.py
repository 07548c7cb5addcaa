"""``automl list``: all studies and jobs of a results folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automl.cli.studies import ResultsDir

if TYPE_CHECKING:
    from automl.study.store import StudyFolder

__all__ = ["command"]


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
        cells = [["-" if value is None else str(value) for value in entry.values()] for entry in entries]
        print_table(("id", "state", "trials", "best"), cells)
    else:
        print(f"no studies or jobs in {results_dir}; another place is given with --results-dir")
    return 0


def _entry(folder: StudyFolder) -> dict[str, Any]:
    """One row; a folder that cannot be read is shown as damaged and hides no other."""
    from automl.errors import AutomlError
    from automl.study.job import read_job
    from automl.study.summary import read_summary

    entry: dict[str, Any] = {"id": folder.id, "state": "damaged", "trials": None, "best": None}
    try:
        if folder.job.is_file():
            return {**entry, "state": read_job(folder)["state"]}
        found = read_summary(folder)
    except AutomlError:
        return entry
    best = found["best"]["value"] if found["best"] else None
    return {**entry, "state": found["state"], "trials": len(found["trials"]), "best": best}
