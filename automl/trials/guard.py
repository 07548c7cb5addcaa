"""Stands between a scheduler's worker and a trainer, so that nobody's sudden death leaves a process behind.

Run as ``python -I -S guard.py PARENT_PID GRACE_S CLAIM COMMAND...`` in a session of its own; standard library
only. It ends with the trainer's exit code (128 + signal number when a signal ended the trainer). When it gets
SIGTERM, when its parent dies however suddenly, or when another machine writes into the file CLAIM, it sends
SIGTERM to the trainer, waits the grace, and kills whatever is left, processes that moved to another session
included (it is their subreaper). When all is over it deletes CLAIM.

The SIGTERM goes to the trainer alone and not to its group: data loader workers that die first would spoil the
checkpoint that the trainer is about to save.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_WATCHED = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT}
_CANNOT_START = 127
_LOOK_S = 1.0


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _start(command: list[str]) -> int:
    pid = os.fork()
    if pid:
        return pid
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
    try:
        os.execvp(command[0], command)  # noqa: S606 - the whole point: no shell
    except OSError as error:
        os.write(2, f"cannot start {command[0]!r}: {error.strerror}\n".encode())
        os._exit(_CANNOT_START)


def _descendants() -> list[int]:
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def _reap(trainer: int) -> int | None:
    """Collect the dead; the trainer's exit code once it is among them."""
    code = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if pid == 0:
            return code
        if pid == trainer:
            ended = os.waitstatus_to_exitcode(status)
            code = ended if ended >= 0 else 128 - ended


def _kill_rest() -> None:
    """Kill children and the orphans that fall to us, until there is none."""
    while rest := _descendants():
        for pid in rest:
            os.kill(pid, signal.SIGKILL)
        for pid in rest:
            os.waitpid(pid, 0)


def _is_contested(claim: Path | None) -> bool:
    try:
        return claim is not None and claim.stat().st_size > 0
    except OSError:
        return False


def _watch(trainer: int, grace_s: float, claim: Path | None) -> int:
    deadline = None
    while (code := _reap(trainer)) is None:
        timeout_s = _LOOK_S if deadline is None else max(0.0, deadline - time.monotonic())
        received = signal.sigtimedwait(_WATCHED, timeout_s)
        is_asked = received is not None and received.si_signo != signal.SIGCHLD
        if deadline is None and (is_asked or _is_contested(claim)):
            deadline = time.monotonic() + grace_s
            os.kill(trainer, signal.SIGTERM)
        elif deadline is not None and time.monotonic() >= deadline:
            os.kill(trainer, signal.SIGKILL)
    _kill_rest()
    return code


def main(argv: list[str]) -> int:
    """Run one command under guard; its exit code."""
    parent, grace_s, command = int(argv[1]), float(argv[2]), argv[4:]
    claim = Path(argv[3]) if argv[3] else None
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    try:
        if os.getppid() != parent:
            return 128 + signal.SIGTERM
        return _watch(_start(command), grace_s, claim)
    finally:
        if claim is not None:
            with suppress(OSError):
                claim.unlink()


if __name__ == "__main__":
    sys.exit(main(sys.argv))
