"""One thing that was looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bevfusion.errors import Fault

__all__ = ["Check", "CheckStatus", "WrongResultError", "attempt", "failed_by"]

_MAX_FAULTS = 5


class CheckStatus(StrEnum):
    """How a check ended; only a failed one makes training impossible."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what was looked at.
        found: what is there, with numbers.
        remedy: what to do next; empty when nothing is wrong.
    """

    name: str
    status: CheckStatus
    found: str
    remedy: str = ""


class WrongResultError(Exception):
    """Something runs on this machine and gives the wrong numbers; the message holds both."""


def attempt(name: str, look: Callable[[], str], *, remedy: str) -> Check:
    """Run something that may fail in ways that nobody foresaw, for that is what a doctor is for.

    Args:
        name: of the check.
        look: says what is there; any exception is what is wrong.
        remedy: what to do then.
    """
    try:
        return Check(name, CheckStatus.OK, look())
    except Exception as error:  # noqa: BLE001 - a broken installation can raise anything
        lines = str(error).strip().splitlines() or [""]
        kind = "" if isinstance(error, WrongResultError) else f"{type(error).__name__}: "
        return Check(name, CheckStatus.FAILED, f"{kind}{lines[0]}", remedy)


def failed_by(name: str, faults: Sequence[Fault]) -> Check:
    """The check that these faults make fail."""
    told = [f"{fault.where}: {fault.message}" if fault.where else fault.message for fault in faults]
    more = [f"and {len(told) - _MAX_FAULTS} more"] if len(told) > _MAX_FAULTS else []
    remedies = dict.fromkeys(fault.hint for fault in faults if fault.hint)
    found = "; ".join([*told[:_MAX_FAULTS], *more])
    return Check(name, CheckStatus.FAILED, found, "; ".join([*remedies][:_MAX_FAULTS]))
