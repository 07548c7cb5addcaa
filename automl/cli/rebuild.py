"""``automl rebuild``: make best/, the report and the MLflow runs of a study anew, all from its events."""

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
    r"""Make best/, the report and the MLflow runs of a study anew, all from its events.

    \b
    Examples:
      automl rebuild
      automl rebuild study-20261122-213000-ab12
    """
    from automl.app import rebuild
    from automl.study.store import find_folder

    folder = find_folder(results_dir, study_id)
    fetch_models(folder.root)
    done = rebuild(folder, tracking_uri=tracking_uri)
    if as_json:
        print(json.dumps(done.to_json()))
    else:
        print(f"{done.study_id}: {done.events} events sent to {done.tracking_uri}")
    return 0
