"""``automl resume``: go on with an interrupted study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from automl.cli.running import conduct
from automl.cli.studies import AsJson, ResultsDir, StudyArgument, fetch_models

__all__ = ["command"]


def command(
    study_id: StudyArgument = None,
    results_dir: ResultsDir = Path("results"),
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Warnings and errors only.")] = False,
) -> int:
    r"""Go on with a study that was interrupted, with all that it knew: trials, rungs, sampler, budget.

    What ran when it ended goes on from its own newest checkpoint. A study that has ended is shown as it is.

    \b
    Examples:
      automl resume
      automl resume study-20261122-213000-ab12 --results-dir /data/results
    """
    from automl.app import resume
    from automl.study.store import find_folder

    folder = find_folder(results_dir, study_id)
    fetch_models(folder.root)
    return conduct(lambda watchers: resume(folder, watchers), as_json=as_json, quiet=quiet)
