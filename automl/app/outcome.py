"""What a run has to tell, and the errors that its failures become."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from automl.errors import AutomlError, DataError, EnvironmentUnusableError, ExitCode, SpecError, TrialError
from automl.trials.folder import TrialFolder
from automl.types import Cause

__all__ = ["Outcome", "error_of"]

_ERRORS: Mapping[Cause, type[AutomlError]] = {
    Cause.BAD_SPEC: SpecError,
    Cause.BAD_DATA: DataError,
    Cause.OUT_OF_MEMORY: EnvironmentUnusableError,
}


@dataclass(frozen=True)
class Outcome:
    """What ``automl run`` has to tell.

    Attributes:
        document: the summary of a study or training (contract section 12), or that of a plain action.
        exit_code: 4 when a study ended without a score, else 0.
    """

    document: Mapping[str, Any]
    exit_code: ExitCode = ExitCode.DONE


def error_of(cause: Cause, evidence: str, trial: TrialFolder) -> AutomlError:
    """The error that a failed plain run ends with: its exit code is the cause's, its place the log."""
    return _ERRORS.get(cause, TrialError)(evidence, where=str(trial.log), hint=f"spec: {trial.spec}")
