"""The figures of an evaluation: precision over recall, and the diagnosis at a glance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bevfusion.diagnosis.recall import RecallBin
from bevfusion.diagnosis.report import ClassDiagnosis
from bevfusion.metrics import Curve

__all__ = ["draw_curves", "draw_diagnosis"]

_BLUE, _ORANGE, _GREY = "#0072B2", "#D55E00", "#999999"
_COLOURS = {"3D": _BLUE, "BEV": _ORANGE, "2D": "#009E73"}
_DPI = 100


def draw_curves(traced: Mapping[str, Curve], path: Path) -> None:
    """Write precision over recall of every class at moderate difficulty.

    Args:
        traced: what :func:`bevfusion.metrics.curves` returns.
        path: PNG file; its folder must exist.
    """
    shown = {key: curve for key, curve in traced.items() if "_moderate_" in key}
    subjects = list(dict.fromkeys(key.rsplit("_", 3)[0] for key in shown))
    figure = Figure(figsize=(6.0 * len(subjects), 5.0), dpi=_DPI, layout="constrained")
    panels = dict(zip(subjects, figure.subplots(1, len(subjects), squeeze=False)[0], strict=True))
    for key, curve in shown.items():
        subject, measure, _, strictness = key.rsplit("_", 3)
        if measure == "2D" and strictness == "loose":
            continue  # the same as strict
        line = "-" if strictness == "strict" else ":"
        label = f"{measure} {strictness}: AP11 {curve.ap11:.1f}"
        panels[subject].plot(
            100 * curve.recall, 100 * curve.precision, line, color=_COLOURS[measure], label=label
        )
    for subject, axes in panels.items():
        axes.set(title=f"{subject}, moderate", xlabel="recall (%)", ylabel="precision (%)")
        axes.set(xlim=(0, 100), ylim=(0, 102))
        axes.grid(alpha=0.3)
        axes.legend(loc="lower left")
    figure.savefig(path)


def draw_diagnosis(
    name: str,
    diagnosis: ClassDiagnosis,
    path: Path,
    *,
    conditions: Mapping[str, float],
    condition_frames: int,
) -> None:
    """Write four panels for one class: recall by distance and occlusion, errors, and conditions.

    Args:
        name: the class.
        diagnosis: what is known of it.
        path: PNG file; its folder must exist.
        conditions: AP11 (percent) of the whole detector under each condition.
        condition_frames: frames that this was measured on.
    """
    figure = Figure(figsize=(11.0, 7.0), dpi=_DPI, layout="constrained")
    figure.suptitle(
        f"{name}: AP11 {diagnosis.ap11:.1f}; at score {diagnosis.score_threshold:.2f} "
        f"precision {diagnosis.precision:.0f} %, recall {diagnosis.recall:.0f} %"
    )
    (distance, occlusion), (errors, sensors) = figure.subplots(2, 2)
    _recall_bars(distance, "recall by distance", diagnosis.recall_by_distance)
    _recall_bars(occlusion, "recall by occlusion", diagnosis.recall_by_occlusion)
    gains = {kind: figure - diagnosis.ap11 for kind, figure in diagnosis.ap11_if_mended.items()}
    texts = [f"{diagnosis.errors[kind]}x, {gain:+.1f} AP11" for kind, gain in gains.items()]
    _bars(errors, "errors, and AP11 without them", gains, texts=texts, unit="AP11 gained", colour=_ORANGE)
    texts = [f"{value:.1f}" for value in conditions.values()]
    title = f"sensors and calibration ({condition_frames} frames)"
    _bars(sensors, title, conditions, texts=texts, unit="AP11", colour=_GREY)
    figure.savefig(path)


def _recall_bars(axes: Axes, title: str, bins: Sequence[RecallBin]) -> None:
    values = {part.name: part.recall for part in bins}
    texts = [f"{part.found} of {part.labels}" for part in bins]
    _bars(axes, title, values, texts=texts, unit="recall (%)", colour=_BLUE)
    axes.set(xlim=(0, 120), xticks=range(0, 101, 20))


def _bars(
    axes: Axes,
    title: str,
    values: Mapping[str, float],
    *,
    texts: Sequence[str],
    unit: str,
    colour: str,
) -> None:
    bars = axes.barh(list(values), list(values.values()), color=colour)
    axes.bar_label(bars, labels=list(texts), padding=3, fontsize=8)
    axes.set(title=title, xlabel=unit)
    axes.margins(x=0.25)
    axes.invert_yaxis()
