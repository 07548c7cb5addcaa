"""``automl list``: all studies and jobs of a results folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["command"]


def command(
    results_dir: Annotated[Path, typer.Option(help="Where studies lie.")] = Path("results"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> int:
    r"""List all studies and jobs, newest last.

    \b
    Examples:
      automl list
      automl list --results-dir ./results --json
    """
    from automl.cli.leaderboard import print_table
    from automl.study.job import read_job
    from automl.study.store import list_folders
    from automl.study.summary import read_summary

    entries: list[dict[str, Any]] = []
    for folder in list_folders(results_dir):
        if folder.sheet.is_file():
            found = read_summary(folder)
            best = found["best"]["value"] if found["best"] else None
            entries.append(
                {"id": folder.id, "state": found["state"], "trials": len(found["trials"]), "best": best}
            )
        else:
            entries.append(
                {"id": folder.id, "state": read_job(folder)["state"], "trials": None, "best": None}
            )
    if as_json:
        print(json.dumps({"results_dir": str(results_dir.resolve()), "entries": entries}))
    else:
        cells = [["-" if value is None else str(value) for value in entry.values()] for entry in entries]
        print_table(("id", "state", "trials", "best"), cells)
    return 0
