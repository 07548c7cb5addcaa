"""``automl status``: where a study stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["command"]


def command(
    study_id: Annotated[str | None, typer.Argument(help="Study or job; default the newest study.")] = None,
    results_dir: Annotated[Path, typer.Option(help="Where studies lie.")] = Path("results"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> int:
    r"""Show one study: state, trials, incumbent, forecast; or one plain action.

    \b
    Examples:
      automl status
      automl status study-20261122-213000-ab12 --json
    """
    from automl.cli.leaderboard import print_job, print_summary
    from automl.study.job import read_job
    from automl.study.store import find_folder
    from automl.study.summary import read_summary

    folder = find_folder(results_dir, study_id)
    is_job = folder.job.is_file()
    found = read_job(folder) if is_job else read_summary(folder)
    if as_json:
        print(json.dumps(found))
    elif is_job:
        print_job(found)
    else:
        print(f"{folder.id}: {found['state']}\n")
        print_summary(found)
    return 0
