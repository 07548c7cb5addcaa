"""``automl stop``: end a study cleanly, from another terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from automl.cli.studies import AsJson, ResultsDir, StudyArgument

__all__ = ["command"]


def command(
    study_id: StudyArgument = None,
    results_dir: ResultsDir = Path("results"),
    patience: Annotated[str, typer.Option(help="How long trials may take to save.")] = "60s",
    as_json: AsJson = False,
) -> int:
    r"""End a study: its trials save and leave, what stays behind is killed; it can go on later.

    \b
    Examples:
      automl stop
      automl stop study-20261122-213000-ab12 --patience 5m
    """
    from automl.app import stop
    from automl.request import parse_duration
    from automl.study.store import find_folder

    done = stop(find_folder(results_dir, study_id), patience_s=parse_duration(patience, "--patience"))
    if as_json:
        print(json.dumps(done.to_json()))
        return 0
    print(f"{done.study_id} {_told(done.was_running, done.state)}")
    if done.killed:
        print(f"{done.killed} processes that its trials had left behind were killed")
    if done.resume:
        print(f"go on with: {done.resume}")
    return 0


def _told(was_running: bool, state: str) -> str:
    if was_running:
        return "is stopped" if state == "interrupted" else f"was just {state}"
    if state == "interrupted":
        return "is run by nobody: its controller was gone already"
    return f"has ended: {state}"
