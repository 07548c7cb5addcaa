"""Writes the report when a study ends; whatever goes wrong with it, the study has ended well."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from automl.report.page import write_report
from automl.study.store import StudyFolder
from automl.types import Report, StudySheet, TrialId, TrialRecord

__all__ = ["ReportWriter"]

_LOG = logging.getLogger(__name__)


class ReportWriter:
    """A tracker that waits for the end; stands before those that keep the study's files.

    Args:
        folder: the study's folder.
    """

    def __init__(self, folder: StudyFolder) -> None:
        self._folder = folder

    def study_started(self, sheet: StudySheet, past: Sequence[TrialRecord] = ()) -> None:
        """Nothing to write yet."""

    def trial_started(self, record: TrialRecord) -> None:
        """Nothing to write yet."""

    def trial_reported(self, trial: TrialId, report: Report) -> None:
        """Nothing to write yet."""

    def trial_ended(self, record: TrialRecord, *, is_incumbent: bool) -> None:
        """Nothing to write yet."""

    def study_ended(self, summary: Mapping[str, object], kept: Sequence[TrialRecord]) -> None:  # noqa: ARG002
        """Write the page, or say why there is none."""
        try:
            write_report(self._folder)
        except Exception as error:  # noqa: BLE001 - a page that cannot be drawn must not fail a study
            _LOG.warning("no report.html: %s; `%s` tries again", error, self._folder.command("report"))
