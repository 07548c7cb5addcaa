"""Runs one function over many frames on all cores, with a progress bar for whoever waits."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from typing import TypeVar

import joblib
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

__all__ = ["map_frames"]

Task = TypeVar("Task")
Result = TypeVar("Result")

_MIN_TASKS_PER_WORKER = 16


def map_frames(
    function: Callable[[Task], Result], tasks: Sequence[Task], *, description: str, workers: int | None = None
) -> list[Result]:
    """Apply a function to every task, in order of the tasks.

    Args:
        function: a module-level function; it runs in other processes when there is enough to do.
        tasks: picklable arguments.
        description: label of the progress bar (stderr).
        workers: processes; by default as many as this process may use cores, fewer for few tasks.
    """
    workers = workers or max(1, min(joblib.cpu_count(), len(tasks) // _MIN_TASKS_PER_WORKER))
    with ExitStack() as stack:
        results: Iterable[Result] = map(function, tasks)
        if workers > 1:
            # Forked before the progress bar starts its thread: a fork copies no threads, only their locks.
            context = multiprocessing.get_context("fork")
            pool = stack.enter_context(ProcessPoolExecutor(workers, mp_context=context))
            chunk = max(1, min(32, len(tasks) // (4 * workers)))
            results = pool.map(function, tasks, chunksize=chunk)
        return list(_show_progress(results, len(tasks), description))


def _show_progress(results: Iterable[Result], total: int, description: str) -> Iterator[Result]:
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
    )
    with Progress(TextColumn(description), *columns, console=Console(stderr=True)) as progress:
        yield from progress.track(results, total=total, description=description)
