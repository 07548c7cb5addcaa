"""Charts as inline SVG: no script, no network, colours from the page, shapes and words beside every colour.

Each is an image with a title and a description for those who cannot see it; the page's tables hold the
numbers.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from xml.etree import ElementTree as ET

from markupsafe import Markup

from automl.report.scales import Scale, scale_over

__all__ = ["Axis", "Bar", "Series", "Span", "draw_bars", "draw_plot", "draw_timeline"]

_WIDTH, _HEIGHT = 640.0, 300.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 56.0, 16.0, 34.0, 44.0
_ROW = 26.0
_LETTER = 7.2
_LEGEND_Y = 16.0
_MARK = 4.5


@dataclass(frozen=True)
class Axis:
    """What one direction of a plot shows.

    Attributes:
        label: quantity, with its unit.
        names: words at the places 0, 1, 2, ... instead of numbers.
    """

    label: str
    log: bool = False
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Series:
    """Points that belong together.

    Attributes:
        name: in the legend; empty leaves it out there.
        tone: how it looks: ``default``, ``winner``, ``other``, ``lost`` or ``incumbent``.
        mark: shape of each point: ``circle``, ``square``, ``cross``, ``diamond``, or none.
        line: how points are joined: ``straight``, ``steps``, or not at all.
    """

    name: str
    points: Sequence[tuple[float, float]]
    tone: str = "other"
    mark: str = ""
    line: str = ""


@dataclass(frozen=True)
class Bar:
    """One row of a bar chart: a length, the words behind it, and optionally an interval."""

    name: str
    value: float
    text: str
    tone: str = "other"
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Span:
    """One stretch of a timeline row."""

    row: str
    start: float
    end: float
    tone: str = "other"
    text: str = ""


def draw_plot(
    title: str,
    description: str,
    x: Axis,
    y: Axis,
    series: Sequence[Series],
    *,
    size: tuple[float, float] = (_WIDTH, _HEIGHT),
) -> Markup:
    """A plot of points and lines over two axes.

    Args:
        title: what is shown.
        description: what there is to see, in a sentence or two.
        x: the horizontal axis.
        y: the vertical axis.
        series: drawn in this order, so that the last lies on top.
        size: width and height in pixels.
    """
    width, height = size
    points = [point for one in series for point in one.points]
    top = _TOP if any(one.name for one in series) else 12.0
    across = _axis_scale(x, [p[0] for p in points], _LEFT, width - _RIGHT)
    up = scale_over([p[1] for p in points], height - _BOTTOM, top, log=y.log)
    svg = _canvas(title, description, size)
    _grid(svg, x, across, y, up)
    for one in series:
        _draw_series(svg, one, across, up)
    _legend(svg, series)
    return _render(svg)


def draw_bars(title: str, description: str, bars: Sequence[Bar]) -> Markup:
    """Horizontal bars from zero, longest names whole, each with its number in words."""
    left = min(300.0, 12 + _LETTER * max((len(bar.name) for bar in bars), default=0))
    right = _WIDTH - 12 - _LETTER * max((len(bar.text) for bar in bars), default=0)
    reach = [0.0, *(bar.value for bar in bars), *(end for bar in bars for end in bar.interval or ())]
    along = Scale(min(reach), max(reach) or 1.0, left, right)
    svg = _canvas(title, description, (_WIDTH, _ROW * len(bars) + 8))
    for i, bar in enumerate(bars):
        y = 4 + _ROW * i
        _text(svg, left - 8, y + 17, bar.name, anchor="end")
        start, end = sorted((along(0.0), along(bar.value)))
        _add(
            svg,
            "rect",
            x=start,
            y=y + 5,
            width=max(1.0, end - start),
            height=_ROW - 10,
            class_=f"bar {bar.tone}",
        )
        if bar.interval:
            low, high = map(along, bar.interval)
            _add(
                svg,
                "path",
                d=f"M{low:.1f} {y + 13}H{high:.1f}M{low:.1f} {y + 9}v8M{high:.1f} {y + 9}v8",
                class_="whisker",
            )
        behind = max(end, along(bar.interval[1]) if bar.interval else end)
        _text(svg, behind + 6, y + 17, bar.text)
    return _render(svg)


def draw_timeline(title: str, description: str, label: str, spans: Sequence[Span]) -> Markup:
    """Rows of stretches over one common axis, such as trials over time."""
    rows = {row: i for i, row in enumerate(dict.fromkeys(span.row for span in spans))}
    left = 16 + _LETTER * max((len(row) for row in rows), default=0)
    height = _ROW * len(rows) + _BOTTOM + 4
    along = scale_over(
        (end for span in spans for end in (span.start, span.end)), left, _WIDTH - _RIGHT, margin=0.0
    )
    svg = _canvas(title, description, (_WIDTH, height))
    for tick in along.ticks():
        _add(svg, "path", d=f"M{along(tick):.1f} 4V{height - _BOTTOM:.1f}", class_="grid")
        _text(svg, along(tick), height - _BOTTOM + 16, f"{tick:g}", anchor="middle")
    _text(svg, (left + _WIDTH - _RIGHT) / 2, height - 6, label, anchor="middle", class_="label")
    for row, i in rows.items():
        _text(svg, left - 8, 4 + _ROW * i + 17, row, anchor="end")
    for span in spans:
        y = 4 + _ROW * rows[span.row]
        start, end = along(span.start), along(span.end)
        _add(
            svg,
            "rect",
            x=start,
            y=y + 5,
            width=max(2.0, end - start),
            height=_ROW - 10,
            class_=f"bar {span.tone}",
        )
        if len(span.text) * _LETTER < end - start:
            _text(svg, (start + end) / 2, y + 17, span.text, anchor="middle", class_="inside")
    return _render(svg)


def _render(svg: ET.Element) -> Markup:
    return Markup(ET.tostring(svg, encoding="unicode"))  # noqa: S704 - the serializer has escaped all text


def _axis_scale(axis: Axis, values: Sequence[float], start_px: float, end_px: float) -> Scale:
    if axis.names:
        return Scale(-0.5, len(axis.names) - 0.5, start_px, end_px)
    return scale_over(values, start_px, end_px, log=axis.log)


def _canvas(title: str, description: str, size: tuple[float, float]) -> ET.Element:
    name = f"chart{zlib.crc32(title.encode()):08x}"  # the same page again has the same ids
    svg = ET.Element(
        "svg",
        {
            "viewBox": f"0 0 {size[0]:g} {size[1]:g}",
            "role": "img",
            "aria-labelledby": f"{name}t {name}d",
            "style": f"min-width:{size[0] * 0.8:.0f}px;max-width:{size[0] * 1.3:.0f}px",
        },
    )
    for kind, mark, text in (("title", "t", title), ("desc", "d", description)):
        ET.SubElement(svg, kind, {"id": name + mark}).text = text
    return svg


def _grid(svg: ET.Element, x: Axis, across: Scale, y: Axis, up: Scale) -> None:
    bottom = up.start_px
    for tick in up.ticks():
        _add(svg, "path", d=f"M{across.start_px:.1f} {up(tick):.1f}H{across.end_px:.1f}", class_="grid")
        _text(svg, across.start_px - 6, up(tick) + 4, f"{tick:g}", anchor="end")
    places = [(float(i), name) for i, name in enumerate(x.names)] or [(t, f"{t:g}") for t in across.ticks()]
    for place, name in places:
        _add(svg, "path", d=f"M{across(place):.1f} {bottom:.1f}v5", class_="axis")
        _text(svg, across(place), bottom + 18, name, anchor="middle")
    _add(
        svg,
        "path",
        d=f"M{across.start_px:.1f} {up.end_px:.1f}V{bottom:.1f}H{across.end_px:.1f}",
        class_="axis",
    )
    _text(svg, (across.start_px + across.end_px) / 2, bottom + 36, x.label, anchor="middle", class_="label")
    middle = (up.start_px + up.end_px) / 2
    _add(
        svg,
        "text",
        y.label,
        transform=f"translate(13 {middle:.1f}) rotate(-90)",
        text_anchor="middle",
        class_="label",
    )


def _draw_series(svg: ET.Element, series: Series, across: Scale, up: Scale) -> None:
    places = [(across(x), up(y)) for x, y in series.points]
    if series.line and len(places) > 1:
        joint = "L{0:.1f} {1:.1f}" if series.line == "straight" else "H{0:.1f}V{1:.1f}"
        path = "M{:.1f} {:.1f}".format(*places[0]) + "".join(joint.format(*place) for place in places[1:])
        _add(svg, "path", d=path, class_=f"line {series.tone}")
    for place in places:
        if series.mark:
            _mark(svg, series.mark, series.tone, *place)


# Each shape as a path around the origin, so that a legend and a plot draw the same.
_MARKS: Mapping[str, str] = MappingProxyType(
    {
        "circle": f"m-{_MARK} 0a{_MARK} {_MARK} 0 1 0 {2 * _MARK} 0a{_MARK} {_MARK} 0 1 0 -{2 * _MARK} 0z",
        "square": f"m-{_MARK} -{_MARK}h{2 * _MARK}v{2 * _MARK}h-{2 * _MARK}z",
        "diamond": "m0 -7l7 7l-7 7l-7 -7z",
        "cross": f"m-{_MARK} -{_MARK}l{2 * _MARK} {2 * _MARK}m0 -{2 * _MARK}l-{2 * _MARK} {2 * _MARK}",
    }
)


def _mark(svg: ET.Element, mark: str, tone: str, x: float, y: float) -> None:
    _add(svg, "path", d=f"M{x:.1f} {y:.1f}{_MARKS[mark]}", class_=f"mark {mark} {tone}")


def _legend(svg: ET.Element, series: Iterable[Series]) -> None:
    x = _LEFT
    for one in {one.name: one for one in series if one.name}.values():
        if one.line:
            _add(svg, "path", d=f"M{x:.1f} {_LEGEND_Y}h24", class_=f"line {one.tone}")
        if one.mark:
            _mark(svg, one.mark, one.tone, x + 12, _LEGEND_Y)
        _text(svg, x + 30, _LEGEND_Y + 4, one.name)
        x += 44 + _LETTER * len(one.name)


def _text(svg: ET.Element, x: float, y: float, text: str, *, anchor: str = "start", class_: str = "") -> None:
    more = {"class_": class_} if class_ else {}
    _add(svg, "text", text, x=x, y=y, text_anchor=anchor, **more)


def _add(svg: ET.Element, tag: str, text: str = "", /, **attributes: float | str) -> None:
    """Append one element; ``class_`` and ``text_anchor`` stand for names that Python cannot spell."""
    named = {
        name.rstrip("_").replace("_", "-"): f"{value:.1f}" if isinstance(value, float) else str(value)
        for name, value in attributes.items()
    }
    ET.SubElement(svg, tag, named).text = text or None
