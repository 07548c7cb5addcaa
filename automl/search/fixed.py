"""No search at all: the default spec once, behind the same port as every searcher."""

from __future__ import annotations

from automl.study.state import DEFAULT_TRIAL
from automl.types import Params, Report, TrialId, TrialRecord

__all__ = ["DefaultOnly"]


class DefaultOnly:
    """Proposes the default spec and nothing after it; so a plain training is a study of one."""

    def suggest(self, trial: TrialId) -> Params | None:
        """No parameters for trial 0, None for all others."""
        return {} if trial == DEFAULT_TRIAL else None

    def observe(self, trial: TrialId, report: Report) -> None:
        """Learn nothing."""

    def tell(self, record: TrialRecord) -> None:
        """Learn nothing."""
