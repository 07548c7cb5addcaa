"""How the search went, as charts: who led when, each trial's curve, who ran when, one chart a parameter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from markupsafe import Markup

from automl.report.charts import Axis, Series, Span, draw_plot, draw_timeline
from automl.report.material import Material
from automl.report.standings import MOST_ROWS
from automl.report.wording import ENDINGS, count, shorten
from automl.study.events import EpochReported, TrialEnded, TrialPaused, TrialQueued, TrialStarted
from automl.study.figures import figure
from automl.study.state import DEFAULT_TRIAL, StudyState
from automl.types import Role, TrialId, TrialRecord, TrialState

__all__ = ["draw_curves", "draw_history", "draw_slices", "draw_spans"]

_MARKS: Mapping[TrialState, str] = MappingProxyType(
    {TrialState.PRUNED: "cross", TrialState.FAILED: "cross", TrialState.CANCELLED: "cross"}
)
_SLICE_SIZE = (330.0, 230.0)
_MINUTE_S = 60.0


def draw_history(material: Material) -> Markup | None:
    """The incumbent over the epochs that were paid for, and each trial where it ended."""
    state = StudyState(material.sheet.metric)
    leading: list[tuple[float, float]] = []
    ends: dict[TrialId, float] = {}
    for at, event in material.events:
        state.apply(event, at)
        spent, best = float(state.epochs_total), state.incumbent
        if isinstance(event, EpochReported) and best is not None and best.value is not None:
            leading.append((spent, best.value))
        if isinstance(event, EpochReported | TrialEnded):
            ends[event.trial] = spent
    records = [r for r in material.state.records.values() if r.value is not None and r.role is Role.SEARCH]
    if not leading:
        return None
    leader = material.state.incumbent
    name = material.sheet.metric.name
    description = (
        f"{count(len(records), 'trial')}; the best is trial {leader.id} with {figure(leader.value)}"
        if leader and leader.value is not None
        else ""
    )
    return draw_plot(
        f"Best {name} so far over epochs spent",
        f"{description}. The leaderboard holds the numbers.",
        Axis("epochs of all trials together"),
        Axis(name),
        [Series("best so far", leading, "incumbent", line="steps"), *_by_ending(material, records, ends)],
    )


def _by_ending(
    material: Material, records: list[TrialRecord], x: Mapping[TrialId, float]
) -> Iterator[Series]:
    """Each trial's value at its place, in one shape for each way to end."""
    shown = [(_legend_of(material, record), record) for record in records]
    for legend in dict.fromkeys(legend for legend, _ in shown):
        name, tone, mark = legend
        points = [
            (x[r.id], r.value) for one, r in shown if one == legend and r.id in x and r.value is not None
        ]
        yield Series(name, points, tone, mark)


def _legend_of(material: Material, record: TrialRecord) -> tuple[str, str, str]:
    if record.id == DEFAULT_TRIAL:
        return "default", "default", "square"
    if material.winner is not None and record.id == material.winner.id:
        return "winner", "winner", "diamond"
    if record.state in _MARKS:
        return ENDINGS[record.state], "lost", _MARKS[record.state]
    return ENDINGS[record.state], "other", "circle"


def draw_curves(material: Material) -> Markup | None:
    """Each trial's metric over its epochs; a cross is where it was stopped."""
    name = material.sheet.metric.name
    series = []
    for record in material.state.records.values():
        points = [(float(r.epoch), r.value) for r in record.reports if r.value is not None]
        if not points or record.role is not Role.SEARCH:
            continue
        label, tone, mark = _legend_of(material, record)
        known = label if tone in ("default", "winner") else ""
        series.append(Series(known, points, tone, line="straight"))
        if mark == "cross":
            series.append(Series(label, points[-1:], tone, mark))
    order = {"lost": 0, "other": 1, "default": 2, "winner": 3}
    if not series:
        return None
    return draw_plot(
        f"{name} of each trial over its epochs",
        "Winner and default are drawn thick. The table below holds the numbers.",
        Axis("epoch"),
        Axis(name),
        sorted(series, key=lambda one: order[one.tone]),
    )


def draw_spans(material: Material) -> Markup | None:
    """Which trial held its resources when, in minutes since the study began."""
    begun: dict[TrialId, float] = {}
    spans: list[Span] = []
    start = material.state.started_at or 0.0
    for at, event in material.events:
        if isinstance(event, TrialStarted):
            begun[event.trial] = at
        elif isinstance(event, TrialEnded | TrialPaused | TrialQueued) and event.trial in begun:
            since = begun.pop(event.trial)
            record = material.state.records[event.trial]
            tone = _legend_of(material, record)[1]
            minutes = ((since - start) / _MINUTE_S, (at - start) / _MINUTE_S)
            spans.append(Span(f"trial {record.id}", *minutes, tone, f"{record.epochs} ep"))
    if not spans:
        return None
    rows = dict.fromkeys(span.row for span in spans)
    shown = set(list(rows)[-MOST_ROWS:])
    spans = [span for span in spans if span.row in shown]
    end = max(span.end for span in spans)
    return draw_timeline(
        "Which trial ran when",
        f"{count(len(rows), 'trial')} over {end:.0f} minutes.",
        "minutes since the study began",
        spans,
    )


def draw_slices(material: Material, names: list[str]) -> Iterator[tuple[str, Markup]]:
    """For each parameter, its name and the metric over its values."""
    short = shorten(names)
    parameters = {entry["name"]: entry for entry in material.sheet.space["parameters"]}
    metric = material.sheet.metric.name
    for name in names:
        records = [
            record
            for record in material.state.records.values()
            if name in record.params and record.value is not None and record.role is Role.SEARCH
        ]
        axis = _axis(short[name], parameters.get(name, {}), [record.params[name] for record in records])
        places = {record.id: _place(axis, record.params[name]) for record in records}
        title = f"{metric} over {name}"
        text = f"One mark for each of {count(len(records), 'trial')}."
        series = [Series("", s.points, s.tone, s.mark) for s in _by_ending(material, records, places)]
        yield name, draw_plot(title, text, axis, Axis(metric), series, size=_SLICE_SIZE)


def _axis(label: str, parameter: Mapping[str, Any], values: list[Any]) -> Axis:
    is_number = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    if not is_number or parameter.get("choices"):
        choices = parameter.get("choices") or []
        return Axis(label, names=tuple(dict.fromkeys(_word(value) for value in [*choices, *values])))
    return Axis(label, log=bool(parameter.get("log")) and all(value > 0 for value in values))


def _place(axis: Axis, value: Any) -> float:
    return float(axis.names.index(_word(value))) if axis.names else float(value)


def _word(value: Any) -> str:
    """A choice as it is written; JSON knows lists where a trial has tuples."""
    return str(list(value)) if isinstance(value, list | tuple) else str(value)
