"""Starts, signals and waits for one trainer process; no shell, nothing left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from automl.errors import TrialError
from automl.ports import NodePlace
from automl.trials import guard
from automl.trials.interface import find_interface
from automl.trials.oom_killer import count_kills

__all__ = ["Command", "TrainerProcess", "trainer_environment"]

_MARGIN_S = 5.0


@dataclass(frozen=True)
class Command:
    """What to run, where, and where its console goes.

    Attributes:
        argv: argument list; the first is looked up on the path of ``env``.
        cwd: working directory, the skill directory.
        log: file that standard output and error are appended to.
        env: the whole environment.
        grace_s: seconds between SIGTERM and SIGKILL.
        claim: file that is deleted once all is over; when somebody writes into it, the command is ended.
    """

    argv: tuple[str, ...]
    cwd: Path
    log: Path
    env: Mapping[str, str]
    grace_s: float = 10.0
    claim: Path | None = None


def trainer_environment(
    base: Mapping[str, str], cpus: float, place: NodePlace | None = None
) -> dict[str, str]:
    """The environment of a trainer: ours first on the path, threads as many as it was given.

    Args:
        base: environment to start from; its ``CUDA_VISIBLE_DEVICES`` is what the scheduler gave.
        cpus: CPUs of the trial. Trainers side by side with a thread per core each fight for the cores, and
            spinning OpenMP threads make that worse by orders of magnitude.
        place: this node's part in a trial of several nodes, told by the variables of TAO's launchers.
    """
    own_bin = str(Path(sys.executable).parent)
    threads = {"OMP_NUM_THREADS": str(max(1, int(cpus))), "PYTHONUNBUFFERED": "1"}
    path = f"{own_bin}{os.pathsep}{base.get('PATH', os.defpath)}"
    own_way = {"OMP_WAIT_POLICY": "PASSIVE", **_interface(place)}
    return {**own_way, **base, **threads, **_meeting(place), "PATH": path}


def _interface(place: NodePlace | None) -> dict[str, str]:
    """Where gloo shall listen; NCCL finds that itself."""
    name = find_interface(place.address) if place else None
    return {"GLOO_SOCKET_IFNAME": name} if name else {}


def _meeting(place: NodePlace | None) -> dict[str, str]:
    if place is None:
        return {}
    gpus = {"NUM_GPU_PER_NODE": str(place.gpus)} if place.gpus else {}
    return {
        "WORLD_SIZE": str(place.nodes),
        "NODE_RANK": str(place.rank),
        "MASTER_ADDR": place.address,
        "MASTER_PORT": str(place.port),
        **gpus,
    }


class TrainerProcess:
    """One running trainer under its `guard`, in a session and process group of its own.

    Raises:
        TrialError: working directory or log file cannot be used.
    """

    def __init__(self, command: Command) -> None:
        self._grace_s = command.grace_s
        self._kills_before = count_kills()
        duties = [str(os.getpid()), str(command.grace_s), str(command.claim or "")]
        guarded = [sys.executable, "-I", "-S", guard.__file__, *duties]
        try:
            with command.log.open("ab") as log:
                self._process = subprocess.Popen(
                    [*guarded, *command.argv],
                    cwd=command.cwd,
                    env=dict(command.env),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as error:
            raise TrialError(
                f"cannot start {' '.join(command.argv)}: {error.strerror}",
                where=str(error.filename or command.cwd),
            ) from error

    @property
    def pid(self) -> int:
        """Process id of the guard, which is also the id of the process group."""
        return self._process.pid

    @property
    def oom_kills(self) -> int:
        """What the kernel has killed for want of memory since this trainer was started."""
        return count_kills() - self._kills_before

    def wait(self, timeout_s: float) -> int | None:
        """Exit code, or None when the trainer still runs after so many seconds."""
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def stop(self) -> int:
        """SIGTERM, grace, SIGKILL; returns when all processes of the trial are gone. Idempotent."""
        if self._process.poll() is None:
            self._process.terminate()
            if self.wait(self._grace_s + _MARGIN_S) is None:
                os.killpg(self.pid, signal.SIGKILL)
        return self._process.wait()
