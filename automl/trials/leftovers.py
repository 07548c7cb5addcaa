"""Processes that outlived their launcher; each carries the folder of its trial in its environment.

That mark is inherited by every descendant, whatever session or process group it moved to, and it names one
trial of one study: nothing else is ever found or ended.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from automl.trials import guard
from automl.trials.folder import TrialFolder

__all__ = ["TRIAL_VARIABLE", "end_leftovers", "find_left_behind", "find_leftovers"]

TRIAL_VARIABLE = "AUTOML_TRIAL_FOLDER"
_POLL_S = 0.05


def find_leftovers(folder: TrialFolder) -> list[int]:
    """Living processes of this machine that belong to a trial."""
    return [
        int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and _bears(path, folder)
    ]


def find_left_behind(folders: Iterable[TrialFolder]) -> list[TrialFolder]:
    """Those of many trials that have living processes on this machine: one look, however many they are."""
    marked = {_mark(folder): folder for folder in folders}
    borne = {entry for path in Path("/proc").iterdir() if path.name.isdigit() for entry in _environment(path)}
    return [marked[mark] for mark in marked.keys() & borne]


def end_leftovers(folder: TrialFolder, *, patience_s: float = 15.0) -> int:
    """Return when no process of a trial is left on this machine; the number that had to be killed.

    A guard whose parent died is ending its trainer already, and is let; without a guard nobody else will.

    Args:
        folder: of the trial.
        patience_s: how long a guard may take.
    """
    deadline, killed = time.monotonic() + patience_s, set[int]()
    while found := find_leftovers(folder):
        is_guarded = any(_is_guard(pid) for pid in found)
        if not is_guarded or time.monotonic() >= deadline:
            killed.update(pid for pid in found if _kill(pid, folder))
        time.sleep(_POLL_S)
    return len(killed)


def _bears(process: Path, folder: TrialFolder) -> bool:
    return _mark(folder) in _environment(process)


def _mark(folder: TrialFolder) -> bytes:
    return f"{TRIAL_VARIABLE}={folder.root.resolve()}".encode()


def _environment(process: Path) -> list[bytes]:
    try:
        return (process / "environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _is_guard(pid: int) -> bool:
    try:
        return os.fsencode(guard.__file__) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


def _kill(pid: int, folder: TrialFolder) -> bool:
    """Kill a process that still belongs to the trial; its number may have been given away meanwhile."""
    with suppress(OSError):
        handle = os.pidfd_open(pid)
        try:
            if _bears(Path(f"/proc/{pid}"), folder):
                signal.pidfd_send_signal(handle, signal.SIGKILL)
                return True
        finally:
            os.close(handle)
    return False
