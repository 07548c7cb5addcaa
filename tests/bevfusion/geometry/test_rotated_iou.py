"""Exact overlap of rotated boxes against hand-worked numbers, shapely, and what must hold for all boxes."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from shapely.geometry import Polygon

from bevfusion.geometry.rotated_iou import (
    from_camera,
    intersection_3d,
    intersection_bev,
    iou_3d,
    iou_bev,
    paired_intersection_3d,
    paired_intersection_bev,
)

Array = NDArray[np.float64]
UNIT = [0.0, 0.0, 1.0, 1.0, 0.0]


def polygon(box: Array) -> Polygon:
    x, y, dx, dy, yaw = box
    c, s = math.cos(yaw), math.sin(yaw)
    ends = [(dx / 2, dy / 2), (-dx / 2, dy / 2), (-dx / 2, -dy / 2), (dx / 2, -dy / 2)]
    return Polygon([(x + c * u - s * v, y + s * u + c * v) for u, v in ends])


def random_footprints(rng: np.random.Generator, n: int) -> Array:
    return np.column_stack(
        [rng.uniform(-3, 3, (n, 2)), rng.uniform(0.1, 4, (n, 2)), rng.uniform(-math.tau, math.tau, n)]
    )


def pairs(kind: str, n: int = 250) -> tuple[Array, Array]:
    rng = np.random.default_rng(len(kind))
    a, b = random_footprints(rng, n), random_footprints(rng, n)
    if kind == "quarter turn":
        b = np.add(a, [0, 0, 0, 0, math.pi / 2])
    elif kind == "touching":
        b = a.copy()
        b[:, :2] += a[:, 2:3] * np.column_stack([np.cos(a[:, 4]), np.sin(a[:, 4])])
    elif kind == "contained":
        b = a * [1, 1, 0.4, 0.4, 1]
    elif kind == "tiny":
        b = b * [1, 1, 1e-3, 1e-3, 1]
    elif kind == "far":
        b = np.add(b, [50, 0, 0, 0, 0])
    elif kind == "grid":
        a, b = np.round(2 * a) / 2 + [0, 0, 0.5, 0.5, 0], np.round(2 * b) / 2 + [0, 0, 0.5, 0.5, 0]
        a[:, 4] = b[:, 4] = 0.0
    elif kind == "nearly equal":
        b = a + rng.normal(0, 1e-3, a.shape)
    return a, b


@pytest.mark.parametrize(
    "kind", ["random", "quarter turn", "touching", "contained", "tiny", "far", "grid", "nearly equal"]
)
def test_agrees_with_shapely(kind: str) -> None:
    a, b = pairs(kind)
    common = np.array([polygon(p).intersection(polygon(q)).area for p, q in zip(a, b, strict=True)])
    union = a[:, 2] * a[:, 3] + b[:, 2] * b[:, 3] - common
    np.testing.assert_allclose(paired_intersection_bev(a, b), common, rtol=0, atol=1e-9)
    np.testing.assert_allclose(np.diag(iou_bev(a, b)), common / union, rtol=0, atol=1e-9)


def test_identical_boxes_agree_exactly_whatever_full_turns_lie_between() -> None:
    boxes = random_footprints(np.random.default_rng(1), 200)
    for turn in (0.0, math.pi, -math.pi, math.tau):
        np.testing.assert_allclose(
            np.diag(iou_bev(boxes, np.add(boxes, [0, 0, 0, 0, turn]))), 1.0, rtol=0, atol=1e-9
        )


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ([0.5, 0.0, 1.0, 1.0, 0.0], 1 / 3),
        ([0.5, 0.5, 1.0, 1.0, 0.0], 1 / 7),
        ([0.0, 0.0, 1.0, 1.0, math.pi / 4], math.sqrt(0.5)),  # the common part is a regular octagon
        ([0.0, 0.0, 2.0, 0.5, math.pi / 2], 1 / 3),  # a cross: 0.5 of 1.5
        ([1.0, 0.0, 1.0, 1.0, 0.0], 0.0),
        ([0.0, 0.0, 0.5, 0.5, 1.0], 0.25),
    ],
)
def test_unit_square_worked_by_hand(box: list[float], expected: float) -> None:
    assert iou_bev([UNIT], [box])[0, 0] == pytest.approx(expected, abs=1e-12)


def test_space_multiplies_ground_by_common_height() -> None:
    a = [[0.0, 0.0, 0.0, 2.0, 2.0, 2.0, 0.0]]
    b = [[1.0, 0.0, 1.5, 2.0, 2.0, 2.0, math.pi], [0.0, 0.0, 2.0, 2.0, 2.0, 2.0, 0.0]]
    np.testing.assert_allclose(intersection_3d(a, b), [[1.0, 0.0]], atol=1e-12)
    np.testing.assert_allclose(iou_3d(a, b), [[1 / 15, 0.0]], atol=1e-12)
    np.testing.assert_allclose(intersection_bev(a, b), [[2.0, 4.0]], atol=1e-12)
    np.testing.assert_allclose(paired_intersection_3d(a, b[:1]), [1.0], atol=1e-12)


def test_camera_boxes_keep_their_overlap() -> None:
    # Feet 0.5 m higher in an image whose y axis points down; the heading turns from x (right) away from z.
    boxes = from_camera([[1, 2, 10], [1, 1.5, 10]], [[4, 1, 2], [4, 1, 2]], [0.3, 0.3])
    np.testing.assert_allclose(boxes[0], [1, 10, -2, 4, 2, 1, -0.3])
    np.testing.assert_allclose(iou_3d(boxes[:1], boxes[1:]), [[1 / 3]], atol=1e-12)


def test_boxes_without_extent_or_number_meet_nothing_silently() -> None:
    solid = [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0]
    odd = np.array([solid] * 6)
    odd[0, 3], odd[1, 5], odd[2, 3:6], odd[3, 4], odd[4, 0], odd[5, 6] = 0, 0, 0, -1, np.nan, np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not iou_3d([solid], odd).any()
        assert not iou_3d(odd, odd).any()
        np.testing.assert_array_equal(iou_bev([solid], odd), [[0, 1, 0, 0, 0, 0]])


def test_no_boxes_give_an_empty_table() -> None:
    assert iou_bev(np.zeros((0, 5)), [UNIT]).shape == (0, 1)
    assert iou_3d(np.zeros((3, 7)), np.zeros((0, 7))).shape == (3, 0)


def test_wrong_layout_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(2, 9\), wanted \(n, 7\)"):
        iou_3d(np.ones((2, 9)), np.ones((2, 7)))


number, side, angle = st.floats(-5, 5), st.floats(0.05, 6), st.floats(-7, 7)
footprint = st.tuples(number, number, side, side, angle)


@given(a=footprint, b=footprint)
def test_overlap_is_symmetric_and_bounded(a: tuple[float, ...], b: tuple[float, ...]) -> None:
    there, back = iou_bev([a], [b])[0, 0], iou_bev([b], [a])[0, 0]
    assert there == pytest.approx(back, abs=1e-9)
    assert 0.0 <= there <= min(a[2] * a[3], b[2] * b[3]) / max(a[2] * a[3], b[2] * b[3]) + 1e-9


@given(a=footprint, b=footprint, turn=angle, shift=number)
def test_overlap_ignores_where_the_world_lies(
    a: tuple[float, ...], b: tuple[float, ...], turn: float, shift: float
) -> None:
    c, s = math.cos(turn), math.sin(turn)
    moved = [
        [c * x - s * y + shift, s * x + c * y - shift, dx, dy, yaw + turn] for x, y, dx, dy, yaw in (a, b)
    ]
    assert iou_bev(moved[:1], moved[1:])[0, 0] == pytest.approx(iou_bev([a], [b])[0, 0], abs=1e-9)
