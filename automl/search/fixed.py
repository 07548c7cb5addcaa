"""No search at all: the default spec once, behind the same port as every strategy."""

from __future__ import annotations

from automl.ports import Decision, Proposal
from automl.study.state import DEFAULT_TRIAL
from automl.types import Report, TrialId, TrialRecord

__all__ = ["DefaultOnly"]


class DefaultOnly:
    """Proposes the default spec and nothing after it; so a plain training is a study of one."""

    def propose(self, trial: TrialId, *, is_full: bool) -> Proposal | None:  # noqa: ARG002 - the port's
        """No parameters for trial 0, None for all others."""
        return Proposal({}, reason="default spec") if trial == DEFAULT_TRIAL else None

    def on_suggested(self, record: TrialRecord) -> None:
        """Learn nothing."""

    def on_report(self, trial: TrialId, report: Report) -> Decision:  # noqa: ARG002 - the port's signature
        """Always go on."""
        return Decision.CONTINUE

    def on_paused(self, record: TrialRecord) -> None:
        """Learn nothing."""

    def on_queued(self, record: TrialRecord) -> None:
        """Learn nothing."""

    def on_ended(self, record: TrialRecord) -> None:
        """Learn nothing."""
