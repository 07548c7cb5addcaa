"""The faults a user can cause or meet, each with its place, its remedy and the exit code of the trainer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "BevfusionError",
    "CheckpointError",
    "DataError",
    "DivergedError",
    "Fault",
    "OutOfMemoryError",
    "SpecError",
]


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: what was found and allowed, where (``file:key``), and what to do next."""

    message: str
    where: str = ""
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        remedy = f"\n  -> {self.hint}" if self.hint else ""
        return f"{place}{self.message}{remedy}"


class BevfusionError(Exception):
    """Root of all errors that are told to the user without a traceback.

    Args:
        faults: everything that is wrong with one input, so that a user mends it in one go.
    """

    exit_code = 1
    kind = "defect"

    def __init__(self, faults: Sequence[Fault] | Fault | str, *, where: str = "", hint: str = "") -> None:
        if isinstance(faults, str):
            faults = Fault(faults, where, hint)
        self.faults: tuple[Fault, ...] = (faults,) if isinstance(faults, Fault) else tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class SpecError(BevfusionError):
    """The spec, its overrides or its geometry cannot be used."""

    exit_code = 2
    kind = "spec"


class DataError(BevfusionError):
    """A file of the data set is missing, unreadable or contradicts another."""

    exit_code = 3
    kind = "data"


class CheckpointError(DataError):
    """A checkpoint is missing, unsafe, or does not fit the model."""

    kind = "checkpoint"


class OutOfMemoryError(BevfusionError):
    """The configuration needs more memory than the device has."""

    exit_code = 4
    kind = "out_of_memory"


class DivergedError(BevfusionError):
    """Training produced a non-finite loss."""

    exit_code = 5
    kind = "diverged"
