"""``automl status``: where a study stands, now or as it goes on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from automl.cli.studies import AsJson, ResultsDir

if TYPE_CHECKING:
    from automl.cli.watching import Watcher
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
        for lines in _looks(watcher):
            for line in lines:
                console.print(line, markup=False, highlight=False, soft_wrap=True)
        return
    with Live(console=console, auto_refresh=False, transient=True) as live:
        for _ in _looks(watcher):
            live.update(watcher.board(), refresh=True)


def _looks(watcher: Watcher) -> Iterator[list[str]]:
    """What is new at each look, until the study is over; only its events can tell whether it is."""
    while True:
        yield watcher.read_new()
        if watcher.is_over():
            return
        time.sleep(1 / _PER_SECOND)
