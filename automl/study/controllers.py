"""Who has a study in hand: the process that its events name, if it still lives."""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import suppress

from automl.errors import UsageError
from automl.study.state import Phase, StudyState
from automl.study.store import StudyFolder, process_start

__all__ = ["has_living_controller", "refuse_living_controller", "stop_controller"]

_POLL_S = 0.1


def has_living_controller(state: StudyState) -> bool:
    """Whether the last controller of a study still runs; one on another machine is taken at its word."""
    if state.pid == 0 or state.phase is not Phase.RUNNING:
        return False
    return not _is_here(state) or process_start(state.pid) == state.process_start


def refuse_living_controller(folder: StudyFolder, state: StudyState) -> None:
    """Refuse to take a study out of somebody's hands.

    Raises:
        UsageError: a process of this machine runs it. Of another machine's process nothing can be known;
            the lock on the events decides there.
    """
    if _is_here(state) and state.pid != os.getpid() and has_living_controller(state):
        raise UsageError(
            f"{folder.id} is run by process {state.pid}",
            where=str(folder.root),
            hint=f"look at it with: {folder.command('status')}; end it with: {folder.command('stop')}",
        )


def stop_controller(state: StudyState, *, patience_s: float) -> bool:
    """Ask a controller to end its study, and end it by force when it does not; False if there was none.

    Raises:
        UsageError: it runs on another machine.
    """
    if not has_living_controller(state):
        return False
    if not _is_here(state):
        raise UsageError(f"runs on {state.host}", where="automl stop", hint=f"stop it there: {state.host}")
    _send(state, signal.SIGINT)
    deadline = time.monotonic() + patience_s
    while process_start(state.pid) == state.process_start:
        if time.monotonic() >= deadline:
            _send(state, signal.SIGKILL)
        time.sleep(_POLL_S)
    return True


def _is_here(state: StudyState) -> bool:
    return state.host in {"", socket.gethostname()}


def _send(state: StudyState, number: signal.Signals) -> None:
    """Signal the controller and no process that was given its number since."""
    with suppress(OSError):
        handle = os.pidfd_open(state.pid)
        try:
            if process_start(state.pid) == state.process_start:
                signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)
