"""Why default and winner score as they do, from the ``diagnosis.json`` that a model may write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from automl.report.charts import Axis, Bar, Series, draw_bars, draw_plot
from automl.report.material import Evaluation

__all__ = ["ClassFindings", "Condition", "list_classes", "list_conditions"]


@dataclass(frozen=True)
class ClassFindings:
    """One class, default beside winner.

    Attributes:
        rows: name of a figure, default's, winner's.
        costs: chart of what each kind of error costs the winner; None when it makes none.
        recall: chart of the share of found objects by distance; None where not measured.
    """

    name: str
    rows: tuple[tuple[str, str, str], ...]
    costs: Markup | None
    recall: Markup | None


@dataclass(frozen=True)
class Condition:
    """What a damaged sensor or a shifted calibration leaves of the metric."""

    name: str
    default: float | None
    winner: float | None


def list_classes(default: Evaluation | None, winner: Evaluation | None) -> Iterator[ClassFindings]:
    """Findings of every class that the winner was diagnosed on."""
    before, after = (_block(evaluation, "classes") for evaluation in (default, winner))
    for name, found in after.items():
        other = before.get(name, {})
        yield ClassFindings(
            name, tuple(_rows(other, found)), _draw_costs(name, found), _draw_recall(name, other, found)
        )


def list_conditions(default: Evaluation | None, winner: Evaluation | None) -> list[Condition]:
    """The metric with a sensor off or the calibration shifted."""
    before, after = (_block(evaluation, "probe").get("ap11", {}) for evaluation in (default, winner))
    return [Condition(name, before.get(name), after.get(name)) for name in {**before, **after}]


def _block(evaluation: Evaluation | None, name: str) -> Mapping[str, Any]:
    found = (evaluation.diagnosis or {}).get(name) if evaluation else None
    return found if isinstance(found, dict) else {}


def _rows(default: Mapping[str, Any], winner: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for key, label in (("precision", "precision, %"), ("recall", "recall, %"), ("found", "found objects")):
        yield label, _number(default.get(key)), _number(winner.get(key))
    for kind in {**default.get("errors", {}), **winner.get("errors", {})}:
        before, after = (_number(side.get("errors", {}).get(kind)) for side in (default, winner))
        yield f"errors: {kind}", before, after


def _number(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def _draw_costs(name: str, winner: Mapping[str, Any]) -> Markup | None:
    """How much each kind of error takes from the winner: what its metric would gain if all were mended."""
    ap11, mended = winner.get("ap11", 0.0), winner.get("ap11_if_mended", {})
    gains = sorted(((kind, value - ap11) for kind, value in mended.items()), key=lambda item: -item[1])
    bars = [Bar(kind, max(gain, 0.0), f"{gain:+.1f}") for kind, gain in gains if gain > 0]
    if not bars:
        return None
    worst = bars[0]
    text = f"Mending {worst.name} would bring most: {worst.text} points."
    return draw_bars(f"What each kind of error costs, class {name}, points of AP11", text, bars)


def _draw_recall(name: str, default: Mapping[str, Any], winner: Mapping[str, Any]) -> Markup | None:
    rings = winner.get("recall_by_distance", ())
    names = tuple(str(ring["name"]) for ring in rings)
    series = [
        Series(who, _recalls(side.get("recall_by_distance", ()), names), who, mark, "straight")
        for who, mark, side in (("default", "square", default), ("winner", "diamond", winner))
    ]
    if not any(one.points for one in series):
        return None
    text = "Rings without any labelled object are left out."
    return draw_plot(
        f"Found objects by distance, class {name}",
        text,
        Axis("distance", names=names),
        Axis("recall, %"),
        series,
    )


def _recalls(rings: Sequence[Mapping[str, Any]], names: tuple[str, ...]) -> list[tuple[float, float]]:
    return [
        (float(names.index(ring["name"])), ring["recall"])
        for ring in rings
        if ring["labels"] and ring["name"] in names
    ]
