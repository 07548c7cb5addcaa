"""``automl replay``: a study retraced, decision by decision."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from automl.cli.studies import AsJson, ResultsDir, StudyArgument, find_study

if TYPE_CHECKING:
    from automl.app.replay import Step

__all__ = ["command"]

_DIFFERS = 1
_MOST_ROWS = 200


def command(
    study_id: StudyArgument = None,
    results_dir: ResultsDir = Path("results"),
    verify: Annotated[
        bool, typer.Option("--verify", help="Derive all again; exit 1 if one differs.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    r"""Retrace a study: what each decision knew, and whether it comes out the same again.

    \b
    Examples:
      automl replay
      automl replay study-20261122-213000-ab12 --verify
    """
    from dataclasses import asdict

    from automl.app.replay import Match, find_other_versions, retrace
    from automl.cli.leaderboard import print_table

    folder = find_study(results_dir, study_id, lacks="decisions")
    steps = list(retrace(folder, verify=verify))
    different = next((step for step in steps if step.match is Match.DIFFERENT), None)
    counts = {match.value: sum(step.match is match for step in steps) for match in Match}
    versions = find_other_versions(folder) if different else {}
    if as_json:
        document = {"study_id": folder.id, "verified": verify, "counts": counts, "other_versions": versions}
        first = asdict(different) if different else None
        print(json.dumps({**document, "first_difference": first, "steps": [asdict(step) for step in steps]}))
        return _DIFFERS if different else 0
    shown = steps if len(steps) <= _MOST_ROWS else steps[-_MOST_ROWS:]
    print_table(("trial", "decision", "after events", "ended", "begun", "again"), [_row(s) for s in shown])
    if len(shown) < len(steps):
        print(f"and {len(steps) - len(shown)} before them; --json lists all")
    print()
    if different:
        _print_difference(different, versions)
    elif verify:
        adopted = f", {counts[Match.ADOPTED]} adopted from outside" if counts[Match.ADOPTED] else ""
        print(f"{counts[Match.EQUAL]} decisions come out equal{adopted}.")
    else:
        print(f"{len(steps)} decisions; --verify derives them again.")
    return _DIFFERS if different else 0


def _row(step: Step) -> list[str]:
    begun = ", ".join(step.running) or "-"
    return [step.trial, step.kind.value, str(step.events), str(step.ended), begun, step.match.value]


def _print_difference(step: Step, versions: Mapping[str, tuple[str | None, str | None]]) -> None:
    print(f"The {step.kind} of trial {step.trial}, after {step.events} events, comes out otherwise:")
    print(f"  recorded  {json.dumps(step.recorded)}")
    print(f"  derived   {json.dumps(step.derived) if step.derived else 'nothing'}")
    for name, (then, now) in versions.items():
        print(f"  {name} was {then or 'absent'} when the study began and is {now or 'absent'} now")
