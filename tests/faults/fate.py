"""What a suite of faults starts must not outlive it, however it ends."""

from __future__ import annotations

import ctypes
import signal
from pathlib import Path

__all__ = ["ROUND_VARIABLE", "find_marked", "share_fate"]

ROUND_VARIABLE = "AUTOML_FAULT_ROUND"
_PR_SET_PDEATHSIG = 1


def share_fate(number: int = signal.SIGKILL) -> None:
    """For a process just forked: it gets this signal when its parent dies, even of SIGKILL."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number, 0, 0, 0)


def find_marked(variable: str, folder: Path) -> list[int]:
    """Living processes whose environment names a folder, or one inside it, by this variable."""
    exact, inside = f"{variable}={folder}\0".encode(), f"{variable}={folder}/".encode()
    return [
        int(place.name)
        for place in Path("/proc").iterdir()
        if place.name.isdigit() and (exact in (found := _environment(place)) or inside in found)
    ]


def _environment(place: Path) -> bytes:
    try:
        return (place / "environ").read_bytes()
    except OSError:
        return b""
