"""The report's charts as files of their own, for whoever shows pictures but no pages."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from xml.etree import ElementTree as ET

from markupsafe import Markup

from automl.trials.folder import write_atomically

__all__ = ["chart_style", "write_drawings"]

_NAMESPACE = "http://www.w3.org/2000/svg"
_SCALE = 1.5
_PAPER = "svg { background: var(--paper); }"


def chart_style() -> str:
    """Colours and strokes of all charts."""
    return resources.files("automl.report").joinpath("templates/charts.css").read_text("utf-8")


def write_drawings(folder: Path, charts: Mapping[str, Markup | None]) -> None:
    """Write each chart there is as ``<name>.svg``, with its style inside.

    Args:
        folder: where to; made if need be.
        charts: name to a chart of `automl.report.charts`.
    """
    folder.mkdir(exist_ok=True)
    for name, chart in charts.items():
        if chart is not None:
            write_atomically(folder / f"{name}.svg", _stand_alone(chart))


def _stand_alone(chart: Markup) -> str:
    svg = ET.fromstring(chart)  # noqa: S314 - our own
    width, height = (float(number) * _SCALE for number in svg.get("viewBox", "0 0 1 1").split()[2:])
    svg.attrib |= {"xmlns": _NAMESPACE, "width": f"{width:g}", "height": f"{height:g}"}
    del svg.attrib["style"]
    style = ET.Element("style")
    style.text = chart_style() + _PAPER
    svg.insert(2, style)  # after title and description
    return ET.tostring(svg, encoding="unicode")
