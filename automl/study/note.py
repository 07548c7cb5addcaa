"""The answer of a study in a few lines of Markdown, for whoever opens its run in a tracker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from automl.study.figures import figure
from automl.study.state import DEFAULT_TRIAL
from automl.types import StudySheet, TrialId, TrialRecord

__all__ = ["write_note"]


def write_note(
    sheet: StudySheet,
    verdict: Mapping[str, Any] | None,
    winner: TrialRecord | None,
    links: Mapping[TrialId, str],
) -> str:
    """Verdict, winner with a link, its parameters, and where more is to be seen.

    Args:
        sheet: what identifies the study.
        verdict: None when nothing was compared.
        winner: None when nothing has a score.
        links: where the tracker shows each trial.
    """
    if winner is None or winner.value is None:
        return f"No trial of {sheet.study_id} has a value of {sheet.metric.name}."
    told, name = verdict or {}, sheet.metric.name
    # Links come first: a page that folds long notes lays a veil over all but the first lines.
    lines = [f"Winner: {_link(winner.id, links)}, {name} {figure(winner.value)}"]
    if (default := told.get("default", {}).get("val")) is not None:
        lines[-1] += f"; default: {_link(DEFAULT_TRIAL, links)}, {figure(default)}"
    if "statement" in told:
        lines += ["", f"**{told['statement']}**"]
    if winner.params:
        lines += ["", "| parameter | value |", "|---|---|"]
        lines += [f"| `{name}` | {value} |" for name, value in winner.params.items()]
    return "\n".join([*lines, "", "`report.html` among the artifacts is the whole story."])


def _link(trial: TrialId, links: Mapping[TrialId, str]) -> str:
    return f"[trial {trial}]({links[trial]})" if trial in links else f"trial {trial}"
