"""One thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Check", "CheckStatus"]


class CheckStatus(StrEnum):
    """How a check ended; only a failed one makes a study impossible."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at, as the platform and the models' own doctors tell it.

    Attributes:
        name: what was looked at.
        found: what is there, with numbers.
        remedy: what to do next; empty when nothing is wrong.
    """

    name: str
    status: CheckStatus
    found: str
    remedy: str = ""
