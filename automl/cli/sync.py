"""``automl sync``: send to MLflow what it missed while it was down, slow or full; nothing arrives twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from automl.cli.studies import AsJson, ResultsDir, StudyArgument, fetch_models

__all__ = ["command"]


def command(
    study_id: StudyArgument = None,
    results_dir: ResultsDir = Path("results"),
    tracking_uri: Annotated[str | None, typer.Option(help="Another store than the study's own.")] = None,
    as_json: AsJson = False,
) -> int:
    r"""Send what MLflow, and results at a URI, missed while they were down; nothing arrives twice.

    \b
    Examples:
      automl sync
      automl sync --tracking-uri http://127.0.0.1:5000
    """
    from automl.app import sync
    from automl.storage import send_study
    from automl.study.store import find_folder

    folder = find_folder(results_dir, study_id)
    fetch_models(folder.root)
    try:
        done = sync(folder, tracking_uri=tracking_uri)
    finally:  # results do not wait for MLflow, whose progress they hold
        files = send_study(folder.root)
    if as_json:
        print(json.dumps({**done.to_json(), "files": files}))
    else:
        if files:
            print(f"{done.study_id}: {files} files sent to {folder.results_dir}")
        print(f"{done.study_id}: {done.events} events sent to {done.tracking_uri}")
    return 0
