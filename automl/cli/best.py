"""``automl best``: the winner of a study."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from automl.cli.studies import ResultsDir, fetch_models
from automl.errors import StudyError, UsageError
from automl.study.figures import figure

__all__ = ["command"]


def command(
    study_id: Annotated[str | None, typer.Argument(help="Study; default the newest.")] = None,
    results_dir: ResultsDir = Path("results"),
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
) -> int:
    r"""Show the winner: spec, checkpoint, metrics.

    \b
    Examples:
      automl best
      automl best study-20261122-213000-ab12 --results-dir ./results
    """
    from automl.study.store import find_folder
    from automl.study.summary import read_summary

    folder = find_folder(results_dir, study_id)
    if folder.job.is_file():
        raise UsageError(
            "is a plain action and has no winner",
            where=str(folder.root),
            hint=f"`{folder.command('status')}` shows what it measured",
        )
    fetch_models(folder.root, only_best=True)
    summary = read_summary(folder)
    best = summary["best"]
    if best is None:
        raise StudyError(
            f"{summary['study_id']} has no trial with a score",
            where=summary["results_dir"],
            hint=f"`{folder.command('status')} --json` shows how each trial ended",
        )
    if as_json:
        print(json.dumps(summary))
        return 0
    print(f"trial {best['trial']} of {summary['study_id']}: {summary['metric']} {figure(best['value'])}")
    for name, value in best["params"].items():
        print(f"  {name} = {value}")
    print(f"spec        {best['spec']}\ncheckpoint  {best['checkpoint'] or 'none'}")
    if summary["verdict"]:
        print(summary["verdict"]["statement"])
    return 0
