"""``automl insight``: what a study shows about its parameters, its course and its cost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from automl.cli.studies import AsJson, ResultsDir, StudyArgument, find_study
from automl.study.figures import figure

__all__ = ["command"]


def command(
    study_id: StudyArgument = None, results_dir: ResultsDir = Path("results"), as_json: AsJson = False
) -> int:
    r"""Show what mattered, who led when, and what it cost; with --json all that figures are drawn from.

    \b
    Examples:
      automl insight
      automl insight study-20261122-213000-ab12 --json
    """
    from automl.app.insight import read_insight

    folder = find_study(results_dir, study_id, lacks="parameters")
    found = read_insight(folder)
    if as_json:
        print(json.dumps(found))
        return 0
    _print_importances(found["importances"])
    _print_incumbents(found["metric"], found["history"]["incumbents"])
    _print_cost(found["cost"])
    return 0


def _print_importances(importances: Mapping[str, Any] | None) -> None:
    from automl.cli.leaderboard import print_table

    if importances is None:
        print("Too few trials were measured to say which parameters matter.\n")
        return
    rows = [[entry["name"], f"{entry['importance']:.0%}"] for entry in importances["parameters"]]
    print_table(("parameter", "importance"), rows)
    skill = max(0.0, importances["skill"])
    print(f"from {importances['trials']} trials; foresees {skill:.0%} of what makes unseen trials differ\n")


def _print_incumbents(metric: str, incumbents: list[Mapping[str, Any]]) -> None:
    from automl.cli.leaderboard import print_table

    rows = [
        [step["trial"], figure(step["value"]), str(step["epochs_total"]), f"{step['seconds']:.0f}"]
        for step in incumbents
        if step["value"] is not None
    ]
    print_table(("leading trial", metric, "after epochs", "after s"), rows)
    print()


def _print_cost(cost: Mapping[str, Any]) -> None:
    from automl.cli.leaderboard import print_table

    rows = [
        [state, str(spent["trials"]), str(spent["epochs"]), f"{spent['seconds']:.0f}"]
        for state, spent in cost["by_state"].items()
    ]
    print_table(("trials that", "number", "epochs", "s"), rows)
    print(f"{cost['epochs_total']} epochs, {cost['gpu_hours']:.2f} GPU-hours")
