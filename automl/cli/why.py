"""``automl why``: one trial explained in a paragraph."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path

from automl.cli.studies import AsJson, ResultsDir, StudyArgument, TrialArgument, find_study, find_trial

__all__ = ["command"]

_WIDTH = 100


def command(
    trial: TrialArgument,
    study_id: StudyArgument = None,
    results_dir: ResultsDir = Path("results"),
    as_json: AsJson = False,
) -> int:
    r"""Explain one trial: what was tried, why, how it ended, how it compares, what to look at.

    \b
    Examples:
      automl why 7
      automl why best study-20261122-213000-ab12 --json
    """
    from dataclasses import asdict

    from automl.report.explanation import explain_trial
    from automl.study.state import read_state

    folder = find_study(results_dir, study_id, lacks="trials")
    sheet = folder.read_sheet()
    state = read_state(folder.events, sheet.metric)
    record = find_trial(folder, state, trial)
    explanation = explain_trial(folder, sheet, state, record)
    if as_json:
        known = {"study_id": folder.id, "state": record.state, "cause": record.cause, "value": record.value}
        print(json.dumps({**known, **asdict(explanation), "text": explanation.paragraph}))
        return 0
    print(textwrap.fill(explanation.paragraph, _WIDTH, break_long_words=False, break_on_hyphens=False))
    for place in explanation.look_at:
        print(f"  look at  {place}")
    return 0
