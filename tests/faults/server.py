"""A real tracking server that can hang, stop and come back at the same address."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.faults.fate import share_fate

__all__ = ["TrackingServer", "run_server"]

_STARTS_S = 90.0


class TrackingServer:
    """``mlflow server`` on a database, in a process group of its own.

    Args:
        store: the SQLite file behind it.
    """

    def __init__(self, store: Path) -> None:
        self._store = store
        self._port = _free_port()
        self.address = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Return once it answers."""
        place = ["--host", "127.0.0.1", "--port", str(self._port), "--workers", "1"]
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "mlflow",
                "server",
                "--backend-store-uri",
                f"sqlite:///{self._store}",
                *place,
            ],
            cwd=self._store.parent,
            env={**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=share_fate,
        )
        deadline, health = time.monotonic() + _STARTS_S, f"{self.address}/health"
        while time.monotonic() < deadline:
            with suppress(OSError), urllib.request.urlopen(health, timeout=2):  # noqa: S310
                return
            time.sleep(0.1)
        raise AssertionError(f"{self.address} does not answer")

    def freeze(self) -> None:
        """From now on it takes connections and answers nothing."""
        os.killpg(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """It answers again, what it was asked meanwhile too."""
        os.killpg(self._process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """It is gone; idempotent."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@contextmanager
def run_server(store: Path) -> Iterator[TrackingServer]:
    """A server that answers, and is gone afterwards."""
    server = TrackingServer(store)
    try:
        server.start()
        yield server
    finally:
        server.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
