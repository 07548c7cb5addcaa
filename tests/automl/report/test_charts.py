"""Charts: where things lie, what they say to those who cannot see them, and that text stays text."""

import re
from xml.etree import ElementTree as ET

import pytest

from automl.report.charts import Axis, Bar, Series, Span, draw_bars, draw_plot, draw_timeline
from automl.report.scales import Scale, scale_over


def parse(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314 - our own


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in parse(svg).iter("text")]


@pytest.mark.parametrize(
    ("low", "high", "log", "expected"),
    [
        (0.0, 90.0, False, (0, 20, 40, 60, 80)),
        (0.13, 0.31, False, (0.15, 0.2, 0.25, 0.3)),
        (1e-5, 1e-2, True, (1e-5, 1e-4, 1e-3, 1e-2)),
        (2e-4, 1e-2, True, (2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2)),
        (0.5, 2.0, True, (0.5, 1, 1.5, 2)),
    ],
)
def test_ticks_are_round_numbers_between_the_bounds(
    low: float, high: float, log: bool, expected: tuple[float, ...]
) -> None:
    assert Scale(low, high, 0, 100, log).ticks() == pytest.approx(expected)


def test_a_log_scale_gives_factors_equal_lengths() -> None:
    scale = Scale(1e-4, 1e-2, 100, 300, log=True)
    assert [scale(v) for v in (1e-4, 1e-3, 1e-2)] == pytest.approx([100, 200, 300])


def test_a_single_value_stands_in_the_middle() -> None:
    assert scale_over([7.0], 0, 100)(7.0) == pytest.approx(50)
    assert scale_over([1e-3], 0, 100, log=True)(1e-3) == pytest.approx(50)
    assert scale_over([], 0, 100)(0.5) == pytest.approx(50)


def test_a_plot_is_an_image_with_title_and_description() -> None:
    svg = draw_plot(
        "AP & more",
        "rises <fast>",
        Axis("epoch"),
        Axis("AP11"),
        [Series("a", [(1, 2), (2, 4)], mark="circle")],
    )
    root = parse(svg)
    title, description = root.find("title"), root.find("desc")
    assert root.get("role") == "img"
    assert title is not None
    assert description is not None
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert (title.text, description.text) == ("AP & more", "rises <fast>")
    assert "<fast>" not in svg


def test_each_way_to_join_points_has_its_path() -> None:
    points = [(0.0, 0.0), (1.0, 1.0)]
    for line, letters in (("straight", "ML"), ("steps", "MHV")):
        svg = parse(draw_plot("t", "d", Axis("x"), Axis("y"), [Series("", points, line=line)]))
        (path,) = (e.get("d", "") for e in svg.iter("path") if e.get("class") == "line other")
        assert re.sub(r"[^A-Z]", "", path) == letters


def test_a_name_is_once_in_the_legend() -> None:
    series = [Series("lost", [(1, 1)], "lost", "cross"), Series("lost", [(2, 2)], "lost", "cross")]
    assert texts(draw_plot("t", "d", Axis("x"), Axis("y"), series)).count("lost") == 1


def test_choices_stand_in_a_row_under_their_names() -> None:
    svg = draw_plot(
        "t", "d", Axis("kind", names=("small", "large")), Axis("y"), [Series("", [(0, 1), (1, 2)])]
    )
    assert {"small", "large", "kind"} <= set(texts(svg))


def test_bars_say_their_numbers_and_show_intervals() -> None:
    svg = draw_bars("t", "d", [Bar("lr", 0.8, "+0.80"), Bar("decay", 0.2, "-0.20", interval=(0.0, 0.4))])
    root = parse(svg)
    first, second = (float(e.get("width", 0)) for e in root.iter("rect"))
    assert first == pytest.approx(4 * second, rel=0.01)
    assert texts(svg) == ["lr", "+0.80", "decay", "-0.20"]
    assert sum(e.get("class") == "whisker" for e in root.iter("path")) == 1


def test_a_timeline_keeps_the_rows_of_a_trial_together() -> None:
    spans = [
        Span("trial 0", 0, 2),
        Span("trial 1", 1, 3),
        Span("trial 0", 4, 5, text="too long to fit in here"),
    ]
    root = parse(draw_timeline("t", "d", "minutes", spans))
    ys = [e.get("y") for e in root.iter("rect")]
    assert ys[0] == ys[2] != ys[1]
    assert "too long to fit in here" not in texts(ET.tostring(root, encoding="unicode"))
