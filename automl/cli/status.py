"""``automl status``: where a study stands, now or as it goes on."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from automl.cli.studies import AsJson, ResultsDir

if TYPE_CHECKING:
    from automl.study.store import StudyFolder

__all__ = ["command"]

_PER_SECOND = 2


def command(
    study_id: Annotated[
        str | None, typer.Argument(metavar="STUDY", help="Study or job; default the newest study.")
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Show it until it ends; Ctrl-C leaves.")] = False,
    results_dir: ResultsDir = Path("results"),
    as_json: AsJson = False,
) -> int:
    r"""Show one study: state, trials, incumbent, forecast; or one plain action.

    \b
    Examples:
      automl status --follow
      automl status study-20261122-213000-ab12 --json
    """
    from automl.cli.leaderboard import print_job, print_summary
    from automl.study.job import read_job
    from automl.study.store import find_folder
    from automl.study.summary import read_summary

    folder = find_folder(results_dir, study_id)
    is_job = folder.job.is_file()
    if follow and not is_job:
        _follow(folder)
    found = read_job(folder) if is_job else read_summary(folder)
    if as_json:
        print(json.dumps(found))
    elif is_job:
        print_job(found)
    else:
        if found["state"] == "running" and not follow:
            _show_board(folder)
        else:
            print(f"{folder.id}: {found['state']}\n")
        print_summary(found)
    return 0


def _show_board(folder: StudyFolder) -> None:
    """The screen of ``run`` as of now."""
    from rich.console import Console

    from automl.cli.watching import Watcher

    watcher = Watcher(folder)
    watcher.read_new()
    Console().print(watcher.board(), end="\n\n")


def _follow(folder: StudyFolder) -> None:
    """The screen of ``run`` until the study is over; lines where there is no terminal to redraw."""
    from rich.console import Console
    from rich.live import Live

    from automl.cli.watching import Watcher

    watcher, console = Watcher(folder), Console(stderr=True)
    if not console.is_terminal or console.is_dumb_terminal:
        while True:
            for line in watcher.read_new():
                console.print(line, markup=False, highlight=False, soft_wrap=True)
            if watcher.is_over():
                return
            time.sleep(1 / _PER_SECOND)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        while not watcher.is_over():
            watcher.read_new()
            live.update(watcher.board(), refresh=True)
            time.sleep(1 / _PER_SECOND)
