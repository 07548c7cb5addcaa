"""``automl report``: the study on one page that can be mailed."""

from __future__ import annotations

import json
from pathlib import Path

from automl.cli.studies import AsJson, ResultsDir, StudyArgument, find_study

__all__ = ["command"]


def command(
    study_id: StudyArgument = None, results_dir: ResultsDir = Path("results"), as_json: AsJson = False
) -> int:
    r"""Write the study's report: one HTML file, no network needed to read it.

    \b
    Examples:
      automl report
      automl report study-20261122-213000-ab12 --results-dir ./results
    """
    from automl.report.page import write_report

    folder = find_study(results_dir, study_id, lacks="report")
    path = write_report(folder)
    print(json.dumps({"study_id": folder.id, "report": str(path)}) if as_json else path)
    return 0
