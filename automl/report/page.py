"""The page: what each section shows, put into one self-contained HTML file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from automl import __version__
from automl.report.command_line import command_of
from automl.report.costs import list_costs, list_failures
from automl.report.diagnosis import list_classes, list_conditions
from automl.report.drawings import chart_style, write_drawings
from automl.report.figures import list_figures, tabulate_precision
from automl.report.influence import rank_influences
from automl.report.material import Evaluation, Material, read_material
from automl.report.pictures import pair_pictures
from automl.report.provenance import list_provenance
from automl.report.search_story import draw_curves, draw_history, draw_slices, draw_spans
from automl.report.standings import MOST_ROWS, list_standings
from automl.report.verdict import tell_verdict
from automl.report.wording import value_text, what_ranks
from automl.study.figures import figure
from automl.study.state import DEFAULT_TRIAL
from automl.study.store import StudyFolder
from automl.trials.folder import write_atomically

__all__ = ["render_report", "write_report"]

_SECTIONS = (
    ("verdict", "Verdict", None),
    ("leaderboard", "Leaderboard", None),
    ("mattered", "What mattered", "influences"),
    ("search", "How the search went", "history"),
    ("test", "Test part", "figures"),
    ("detections", "Detections", "pairs"),
    ("diagnosis", "Why it scores so", "classes"),
    ("cost", "Cost", None),
    ("failures", "Failures", None),
    ("reproduce", "How to reproduce", None),
)
_DRAWINGS = MappingProxyType({"best_so_far": "history", "curves": "curves", "timeline": "spans"})
_MOST_SLICES = 6
_NONE = "–"


def write_report(folder: StudyFolder) -> Path:
    """Write ``report.html`` of a study, finished or not, and its charts beside it; the path of the page.

    Raises:
        StudyError: ``study.json`` or the events are missing or damaged.
    """
    path, material = folder.report, read_material(folder)
    context = _context(material)
    write_atomically(path, _render(context))
    influences = context["influences"]
    charts = {name: context[key] for name, key in _DRAWINGS.items()}
    write_drawings(folder.figures, {**charts, "what_mattered": influences and influences.chart})
    return path


def render_report(material: Material) -> str:
    """The page as text: one file, no script, nothing from the network."""
    return _render(_context(material))


def _context(material: Material) -> dict[str, Any]:
    context = {**_headings(material), **_search(material), **_test_part(material)}
    return context | _records(material)


def _render(context: Mapping[str, Any]) -> str:
    sections = [(anchor, title) for anchor, title, needs in _SECTIONS if needs is None or context[needs]]
    return _template().render(context, sections=sections)


def _headings(material: Material) -> dict[str, Any]:
    sheet, began = material.sheet, material.state.started_at
    page_style = resources.files("automl.report").joinpath("templates/report.css").read_text("utf-8")
    return {
        "css": Markup(chart_style() + page_style),  # noqa: S704 - ours
        "version": __version__,
        "study_id": sheet.study_id,
        "reproduce": material.folder.command("reproduce best"),
        "report": material.folder.command("report"),
        "model": sheet.model,
        "metric": sheet.metric.name,
        "what_ranks": what_ranks(sheet.metric),
        "direction": "more is better" if sheet.metric.direction.sign > 0 else "less is better",
        "state": material.summary["state"],
        "has_winner": material.winner is not None,
        "began": datetime.fromtimestamp(began).astimezone().strftime("%d %B %Y, %H:%M")
        if began
        else "not begun",
    }


def _search(material: Material) -> dict[str, Any]:
    influences = rank_influences(material) if material.sheet.is_search else None
    names = list(influences.names[:_MOST_SLICES]) if influences else []
    reached = max((record.epochs for record in material.state.records.values()), default=0)
    epochs = range(1, reached + 1)
    return {
        "influences": influences,
        "slices": list(draw_slices(material, names)),
        "history": draw_history(material),
        "curves": draw_curves(material),
        "spans": draw_spans(material),
        "search_text": _search_text(material),
        "epochs": list(epochs),
        "curve_rows": [
            (
                record.id,
                [next((r.value for r in record.reports if r.epoch == epoch), None) for epoch in epochs],
            )
            for record in list(material.state.records.values())[:MOST_ROWS]
        ],
        "trials": len(material.state.records),
        "most_rows": MOST_ROWS,
    }


def _search_text(material: Material) -> str:
    algorithm = material.asked.get("plan", {}).get("algorithm", {})
    if not algorithm:
        return ""
    return f"Algorithm: {algorithm['name']} ({algorithm['reason']})."


def _test_part(material: Material) -> dict[str, Any]:
    default, winner = _evaluations(material)
    numbers = [evaluation.kpi if evaluation else {} for evaluation in (default, winner)]
    return {
        "precision": tabulate_precision(*numbers),
        "figures": list_figures(*numbers),
        "pairs": pair_pictures(default, winner),
        "classes": list(list_classes(default, winner)),
        "conditions": list_conditions(default, winner),
    }


def _evaluations(material: Material) -> tuple[Evaluation | None, Evaluation | None]:
    winner = material.winner
    return (
        material.evaluations.get(DEFAULT_TRIAL),
        material.evaluations.get(winner.id) if winner and winner.id != DEFAULT_TRIAL else None,
    )


def _records(material: Material) -> dict[str, Any]:
    request = material.asked.get("request")
    winner, default = material.winner, material.default
    names = winner.params if winner else {}
    return {
        "answer": tell_verdict(material),
        "leaderboard": list_standings(material),
        "costs": list(list_costs(material)),
        "failures": list(list_failures(material)),
        "command": command_of(request) if request else None,
        "provenance": list(list_provenance(material)),
        "best_params": [
            (name, value_text(default.params.get(name)) if default else _NONE, value_text(value))
            for name, value in names.items()
        ],
    }


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("automl.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["figure"] = figure
    return environment.get_template("report.html")
