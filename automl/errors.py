"""What can go wrong, told so that the reader can mend it: found, allowed, where, what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

__all__ = [
    "AutomlError",
    "DataError",
    "EnvironmentUnusableError",
    "ExitCode",
    "Fault",
    "SchemaError",
    "SpaceError",
    "SpecError",
    "StatusError",
    "StudyError",
    "TrackerError",
    "TrialError",
    "UsageError",
]


class ExitCode(IntEnum):
    """Exit codes of every ``automl`` command (contract section 4)."""

    DONE = 0
    DEFECT = 1
    USAGE = 2
    UNUSABLE = 3
    NO_SUCCESS = 4
    INTERRUPTED = 130


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


class AutomlError(Exception):
    """Root of all errors that are told to the user without a traceback.

    Args:
        faults: everything that is wrong with one input, so that a user mends it in one go; or one message.
        where: place of a single message.
        hint: remedy of a single message.
    """

    exit_code = ExitCode.DEFECT
    kind = "defect"

    def __init__(self, faults: Sequence[Fault] | Fault | str, *, where: str = "", hint: str = "") -> None:
        if isinstance(faults, str):
            faults = Fault(faults, where, hint)
        self.faults: tuple[Fault, ...] = (faults,) if isinstance(faults, Fault) else tuple(faults)
        super().__init__(_tell(self.faults))


def _tell(faults: Sequence[Fault]) -> str:
    """One fault a line; a remedy that several in a row share stands once, below the last of them."""
    following = [*(fault.hint for fault in faults[1:]), ""]
    return "\n".join(
        str(replace(fault, hint="") if fault.hint == hint else fault)
        for fault, hint in zip(faults, following, strict=True)
    )


class UsageError(AutomlError):
    """Flags or names that do not fit together."""

    exit_code = ExitCode.USAGE
    kind = "usage"


class SchemaError(AutomlError):
    """A schema or skill file that cannot be read or is not understood."""

    exit_code = ExitCode.USAGE
    kind = "schema"


class SpaceError(AutomlError):
    """A search space that is open, empty, contradictory or names unknown parameters."""

    exit_code = ExitCode.USAGE
    kind = "space"


class SpecError(AutomlError):
    """A spec with unknown keys or values outside what the schema allows."""

    exit_code = ExitCode.USAGE
    kind = "spec"


class DataError(AutomlError):
    """Data that is missing, not converted, or refused by the model's own check."""

    exit_code = ExitCode.UNUSABLE
    kind = "data"


class EnvironmentUnusableError(AutomlError):
    """A machine, package or service that the run needs and does not find."""

    exit_code = ExitCode.UNUSABLE
    kind = "environment"


class StudyError(AutomlError):
    """A study that is not there, cannot be read, or ended with no successful trial."""

    exit_code = ExitCode.NO_SUCCESS
    kind = "study"


class TrialError(AutomlError):
    """A trial that could not be launched or followed."""

    kind = "trial"


class StatusError(AutomlError):
    """A status line that is complete and still cannot be read."""

    kind = "status"


class TrackerError(AutomlError):
    """A tracking server that refused; never stops a trial."""

    kind = "tracker"
