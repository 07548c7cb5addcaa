"""Shows a study's summary to people: ranking, verdict, and where to look."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from automl.places import is_uri
from automl.report.wording import duration, shorten, value_text
from automl.study.figures import figure, signed_figure
from automl.study.store import StudyFolder
from automl.types import Direction, Metric, Role

__all__ = ["print_job", "print_summary", "print_table"]

_WIDTH_OF_FILES = 200
_MOST_ROWS = 200
"""Nobody reads more, and a table of thousands takes a minute to lay out."""


def print_summary(summary: Mapping[str, Any]) -> None:
    """Print a document of contract section 12 on stdout."""
    rows = _rows(summary)
    titles = ("rank", "trial", "state", summary["metric"], "epochs", "changed from default")
    print_table(titles, rows[:_MOST_ROWS])
    if len(rows) > _MOST_ROWS:
        print(f"and {len(rows) - _MOST_ROWS} more; --json lists all")
    if verdict := summary["verdict"]:
        _print_verdict(Metric(summary["metric"], Direction(summary["direction"])), verdict)
    else:
        print(_standing(summary))
    if pareto := summary.get("pareto"):
        _print_front(pareto)
    folder = StudyFolder(Path(summary["results_dir"]))
    print()
    _print_place(folder)
    if best := summary["best"]:
        print(f"best       {best['spec']}\n           {best['checkpoint'] or 'no checkpoint here'}")
    if (page := folder.root / "report.html").is_file():
        print(f"report     {page}")
    if summary["mlflow"]:
        print(f"runs       automl ui --results-dir {shlex.quote(folder.results_dir)}")


def print_job(document: Mapping[str, Any]) -> None:
    """Print the document of a plain action on stdout."""
    print(f"{document['action']} {document['state']}: {document['message'] or document['job_id']}")
    if document["kpi"]:
        print_table(("measure", "value"), [[name, _number(value)] for name, value in document["kpi"].items()])
    _print_place(StudyFolder(Path(document["results_dir"])))


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns on stdout, wide enough for every cell when stdout is no terminal."""
    console = Console(width=None if sys.stdout.isatty() else _WIDTH_OF_FILES)
    table = Table(*titles, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _print_place(folder: StudyFolder) -> None:
    """Where a study or job lies; for one at a URI, its copy on this machine as well."""
    print(f"results    {folder.results_dir.rstrip('/')}/{folder.id}")
    if is_uri(folder.results_dir):
        print(f"           here in {folder.root}")


def _number(value: float) -> str:
    """A count as it is, a measurement with two digits."""
    return str(value) if isinstance(value, int) else figure(value)


def _standing(summary: Mapping[str, Any]) -> str:
    """Where a study without a verdict stands, and what to do about it."""
    state, folder = str(summary["state"]), StudyFolder(Path(summary["results_dir"]))
    if state == "failed":
        return (
            f"No trial produced a score; `{folder.command('why TRIAL')}` says of each what ended it and what "
            f"to do, `{folder.command('status')} --json` all last words."
        )
    if state == "interrupted":
        return f"interrupted; go on with\n  {folder.command('resume')}"
    left_s = summary.get("forecast", {}).get("remaining_s")
    return state if left_s is None else f"{state}; about {duration(left_s)} to go"


def _rows(summary: Mapping[str, Any]) -> list[list[str]]:
    sign = 1 if summary["direction"] == "maximize" else -1
    trials = [trial for trial in summary["trials"] if trial["role"] == Role.SEARCH]
    defaults = trials[0]["params"] if trials else {}
    names = shorten({name for trial in trials for name in trial["params"]})

    def order(trial: Mapping[str, Any]) -> tuple[bool, float]:
        unranked = trial["value"] is None or trial["state"] == "failed"
        return unranked, -sign * (trial["value"] or 0.0)

    return [
        [
            "-" if order(trial)[0] else str(rank),
            trial["id"],
            trial["state"] + (f" ({trial['cause']})" if trial["state"] == "failed" else ""),
            "-" if trial["value"] is None else figure(trial["value"]),
            str(trial["epochs"]),
            _changes(trial, defaults, names),
        ]
        for rank, trial in enumerate(sorted(trials, key=order), 1)
    ]


def _changes(trial: Mapping[str, Any], defaults: Mapping[str, Any], names: Mapping[str, str]) -> str:
    if trial["id"] == "0":
        return "default spec"
    changed = {
        name: value
        for name, value in trial["params"].items()
        if name not in defaults or defaults[name] != value
    }
    return ", ".join(f"{names[name]}={value_text(value)}" for name, value in changed.items())


def _print_front(pareto: Mapping[str, Any]) -> None:
    """Trials that no other beats in all objectives."""
    print()
    names = [objective["name"] for objective in pareto["objectives"]]
    rows = [[one["trial"], *(figure(one["values"][name]) for name in names)] for one in pareto["front"]]
    print_table(("front: trial", *names), rows)
    print(f"hypervolume {pareto['hypervolume']:.4g}, from the worst value of each objective")


def _print_verdict(metric: Metric, verdict: Mapping[str, Any]) -> None:
    print()
    sides = {"default": verdict["default"], f"winner (trial {verdict['winner']['trial']})": verdict["winner"]}
    others = [side for side in verdict["finalists"] if side["trial"] != verdict["winner"]["trial"]]
    sides |= {f"finalist (trial {side['trial']})": side for side in others}
    titles = [metric.name, "validation", "test"]
    if verdict["seeds"]:
        titles += ["fresh seeds: validation", "test"]
    print_table(titles, [[who, *_measures(side, len(titles))] for who, side in sides.items()])
    if verdict["optimism"] is not None:
        gap = signed_figure(metric.direction.sign * verdict["optimism"])
        print(f"\noptimism gap of the winner (validation less test): {gap} {metric.name}")
    print(f"\n{verdict['statement']}")


def _measures(side: Mapping[str, Any], columns: int) -> list[str]:
    """The cells of one side: the one training of the search, then its fresh seeds."""
    cells = ["-" if side[part] is None else figure(side[part]) for part in ("val", "test")]
    return [*cells, *(_spread(side[f"fresh_{part}"]) for part in ("val", "test"))][: columns - 1]


def _spread(fresh: Mapping[str, Any]) -> str:
    """Mean, standard deviation and number of seeds, as ``57.00 ± 1.00 (3)``."""
    if fresh["mean"] is None:
        return "-"
    spread = "" if fresh["spread"] is None else f" ± {figure(fresh['spread'])}"
    return f"{figure(fresh['mean'])}{spread} ({len(fresh['values'])})"
