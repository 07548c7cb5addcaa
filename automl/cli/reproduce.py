"""``automl reproduce``: one trial trained once more, and by how much it differs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from automl.cli.studies import (
    AsJson,
    ResultsDir,
    StudyArgument,
    TrialArgument,
    fetch_models,
    find_study,
    find_trial,
)

if TYPE_CHECKING:
    from automl.app.reproduction import Reproduction
    from automl.types import Report

__all__ = ["command"]


def command(
    trial: TrialArgument,
    study_id: StudyArgument = None,
    results_dir: ResultsDir = Path("results"),
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Do not tell of each epoch.")] = False,
) -> int:
    r"""Train one trial once more with the same spec and seed, and say whether it came out equal.

    \b
    Examples:
      automl reproduce best
      automl reproduce 3 study-20261122-213000-ab12 --json
    """
    from automl.app.reproduction import reproduce_trial
    from automl.study.state import read_state

    folder = find_study(results_dir, study_id, lacks="trials")
    fetch_models(folder.root)
    metric = folder.read_sheet().metric
    record = find_trial(folder, read_state(folder.events, metric), trial)

    def tell(report: Report) -> None:
        value = "no value" if report.value is None else f"{report.value:.2f}"
        print(f"epoch {report.epoch} of {record.epochs}: {metric.name} {value}", file=sys.stderr)

    found = reproduce_trial(folder, record, (lambda _: None) if quiet else tell)
    known = {"study_id": folder.id, "trial": record.id, "metric": metric.name}
    if as_json:
        print(json.dumps({**known, **_document(found)}))
    else:
        _print(record.id, metric.name, found)
    return 0


def _document(found: Reproduction) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "is_equal": found.is_equal,
        "largest_difference": found.largest_difference,
        "epochs": [asdict(epoch) for epoch in found.epochs],
        "changes": list(found.changes),
        "folder": str(found.folder),
    }


def _print(trial: str, metric: str, found: Reproduction) -> None:
    from automl.cli.leaderboard import print_table

    rows = [
        [str(epoch.epoch), *("-" if value is None else f"{value:.4f}" for value in (epoch.then, epoch.now))]
        for epoch in found.epochs
    ]
    print_table(("epoch", f"{metric} then", "now"), rows)
    if found.is_equal:
        print(f"\nequal: trial {trial} gives the same {metric} at every epoch")
    elif found.largest_difference is None:
        print(f"\ndifferent: {metric} was not measured at the same epochs")
    else:
        print(f"\ndifferent: {metric} is off by up to {found.largest_difference:.4f}")
    for change in found.changes:
        print(f"changed since: {change}")
    print(f"trained in {found.folder}")
