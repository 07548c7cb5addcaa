"""``automl status``: where a study stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["command"]


def command(
    study_id: Annotated[str | None, typer.Argument(help="Study; default the newest.")] = None,
    results_dir: Annotated[Path, typer.Option(help="Where studies lie.")] = Path("results"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> int:
    r"""Show one study: state, trials, incumbent, forecast.

    \b
    Examples:
      automl status
      automl status study-20261122-213000-ab12 --json
    """
    from automl.cli.leaderboard import print_summary
    from automl.study.store import find_folder
    from automl.study.summary import read_summary

    summary = read_summary(find_folder(results_dir, study_id))
    if as_json:
        print(json.dumps(summary))
    else:
        print(f"{summary['study_id']}: {summary['state']}\n")
        print_summary(summary)
    return 0
