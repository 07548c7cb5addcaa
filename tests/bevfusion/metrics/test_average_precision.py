"""KITTI's rule, one sentence of it at a time, with numbers worked by hand."""

from __future__ import annotations

import logging
import math
import time
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bevfusion.errors import DataError, SpecError
from bevfusion.metrics import FrameAnnotations, curves, evaluate
from tests.bevfusion.metrics.people import Person, crowd, frame

KEY = "TAO3D/person_{}_{}_moderate_strict"
ONE_IN_ELEVEN = 100.0 / 11  # one label, found: only the first of the eleven samples is reached


def ap11(labels: FrameAnnotations, detections: FrameAnnotations, measure: str = "3D") -> float:
    return evaluate([labels], [detections])[KEY.format(measure, "AP11")]


# Eight people in two frames; six are found at falling scores, with strays scored 0.85 and 0.55 between them.
HAND_LABELS = [frame(*[Person(x) for x in (0, 1, 2, 3)]), frame(*[Person(x) for x in (0, 1, 2, 3)])]
HAND_DETECTIONS = [
    frame(Person(0, 0.9), Person(7, 0.85), Person(1, 0.8), Person(2, 0.7)),
    frame(Person(0, 0.6), Person(8, 0.55), Person(1, 0.5), Person(2, 0.4)),
]


def test_two_frames_worked_by_hand() -> None:
    # precision at each find 1, 2/3, 3/4, 4/5, 5/7, 6/8; best from there on 1, .8, .8, .8, .75, .75
    scores = evaluate(HAND_LABELS, HAND_DETECTIONS)
    assert scores[KEY.format("3D", "AP11")] == pytest.approx((1 + 0.75) / 11 * 100)
    assert scores[KEY.format("BEV", "AP40")] == pytest.approx((3 * 0.8 + 2 * 0.75) / 40 * 100)
    assert scores["AP11"] == scores[KEY.format("3D", "AP11")]


def test_curves_hold_the_points_behind_the_average() -> None:
    curve = curves(HAND_LABELS, HAND_DETECTIONS)["TAO3D/person_3D_moderate_strict"]
    np.testing.assert_allclose(curve.thresholds, [0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    np.testing.assert_allclose(curve.recall, np.arange(1, 7) / 8)
    np.testing.assert_allclose(curve.precision, [1, 2 / 3, 3 / 4, 4 / 5, 5 / 7, 6 / 8])
    assert curve.num_labels == 8


@pytest.mark.parametrize(("people", "ceiling"), [(0, 0.0), (3, 100 / 11), (40, 1000 / 11), (41, 100.0)])
def test_few_labels_lower_the_ceiling_and_are_warned_of(
    people: int, ceiling: float, caplog: pytest.LogCaptureFixture
) -> None:
    labels = [frame(*[Person(i) for i in range(people)])]
    with caplog.at_level(logging.WARNING):
        assert evaluate(labels, labels)["AP11"] == pytest.approx(ceiling)
    warned = f"TAO3D/person: {people} labels count at moderate difficulty, so AP11 ends at {ceiling:.1f}"
    assert (warned in caplog.text) == (people < 41)


@pytest.mark.parametrize("protocol", ["tao3d", "kitti"])
def test_labels_against_themselves_score_100(protocol: str) -> None:
    labels = crowd(np.random.default_rng(3), frames=20, people=3)
    scores = evaluate(labels, labels, classes=["Pedestrian"], protocol=protocol)
    assert set(scores.values()) == {100.0}


def test_second_of_two_equal_detections_is_wrong() -> None:
    twice = frame(Person(0, 0.5), Person(0, 0.5))
    assert ap11(frame(Person(0)), twice) == pytest.approx(ONE_IN_ELEVEN / 2)


def test_largest_overlap_wins_among_shown_detections() -> None:
    # The detection between two labels has the best score. Once the exact one is shown too, the first label
    # takes that, and the one between is free for the second label.
    labels = [frame(Person(0.0), Person(0.3)), frame(Person(0.0))]
    found = [frame(Person(0.15, 0.9), Person(0.0, 0.8)), frame(Person(0.0, 0.1))]
    curve = curves(labels, found)["TAO3D/person_3D_moderate_strict"]
    np.testing.assert_allclose(curve.thresholds, [0.9, 0.1])
    np.testing.assert_allclose(curve.recall, [1 / 3, 1.0])
    np.testing.assert_allclose(curve.precision, [1.0, 1.0])


def test_detection_in_dontcare_is_excused_in_the_image_alone() -> None:
    labels = frame(Person(0))
    region = replace(
        frame(Person(0), Person(5, name="DontCare")),
        dimensions_lhw=np.array([[0.8, 1.7, 0.6], [-1, -1, -1]]),
        locations=np.array([[0, 1.6, 10], [-1000, -1000, -1000]]),
    )
    found = frame(Person(0, 0.5), Person(5, 0.9))
    assert ap11(labels, found, "2D") == pytest.approx(ONE_IN_ELEVEN / 2)
    assert ap11(region, found, "2D") == pytest.approx(ONE_IN_ELEVEN)
    assert ap11(region, found, "3D") == pytest.approx(ONE_IN_ELEVEN / 2)


def test_detection_below_the_height_limit_is_no_fault() -> None:
    small = frame(Person(0, 0.5), Person(3, 0.9, height_px=24.9))
    large = frame(Person(0, 0.5), Person(3, 0.9, height_px=25.0))
    assert ap11(frame(Person(0)), small) == pytest.approx(ONE_IN_ELEVEN)
    assert ap11(frame(Person(0)), large) == pytest.approx(ONE_IN_ELEVEN / 2)


@pytest.mark.parametrize(
    "too_hard", [Person(3, occluded=2), Person(3, truncated=0.31), Person(3, height_px=25.0)]
)
def test_label_that_is_too_hard_neither_counts_nor_makes_its_detection_wrong(too_hard: Person) -> None:
    labels, found = (
        frame(Person(0), too_hard),
        frame(Person(0, 0.5), replace(too_hard, score=0.9, height_px=26)),
    )
    scores = evaluate([labels], [found])
    assert scores[KEY.format("3D", "AP11")] == pytest.approx(ONE_IN_ELEVEN)


def test_difficulties_differ_by_what_counts() -> None:
    people = [Person(0), Person(2, occluded=1), Person(4, occluded=2), Person(6, occluded=3)]
    found = curves([frame(*people)], [frame(*people)])
    counted = [found[f"TAO3D/person_3D_{level}_strict"].num_labels for level in ("easy", "moderate", "hard")]
    assert counted == [1, 2, 3]


@pytest.mark.parametrize(("name", "precision"), [("Person_sitting", 1.0), ("Cyclist", 0.5)])
def test_neighbouring_class_is_excused_and_others_are_not(name: str, precision: float) -> None:
    labels, found = frame(Person(0), Person(3, name=name)), frame(Person(0, 0.5), Person(3, 0.9))
    assert ap11(labels, found) == pytest.approx(precision * ONE_IN_ELEVEN)


def test_class_names_differ_in_case_and_person_is_pedestrian() -> None:
    assert ap11(frame(Person(0, name="PEDESTRIAN")), frame(Person(0, 0.5, name="person"))) == pytest.approx(
        ONE_IN_ELEVEN
    )


@pytest.mark.parametrize(("angle", "share"), [(0.0, 1.0), (math.pi / 2, 0.5), (math.pi, 0.0), (-10.0, 0.0)])
def test_orientation_similarity_falls_with_the_angle(angle: float, share: float) -> None:
    found = frame(Person(0, 0.5, alpha=angle))
    scores = evaluate([frame(Person(0))], [found], classes=["Pedestrian"], protocol="kitti")
    assert scores["KITTI/Pedestrian_2D_AP11_moderate_strict"] == pytest.approx(ONE_IN_ELEVEN)
    assert scores["KITTI/Pedestrian_AOS_AP11_moderate_strict"] == pytest.approx(share * ONE_IN_ELEVEN)


def test_loose_asks_for_less_overlap_on_the_ground() -> None:
    labels, found = frame(Person(0)), frame(Person(0.35, 0.5))  # overlap 0.45 / 1.15 = 0.39
    scores = evaluate([labels], [found])
    assert scores["TAO3D/person_BEV_AP11_moderate_strict"] == 0.0
    assert scores["TAO3D/person_BEV_AP11_moderate_loose"] == pytest.approx(ONE_IN_ELEVEN)
    assert scores["TAO3D/person_2D_AP11_moderate_loose"] == 0.0


NOTHING, SOMEBODY = frame(), frame(Person(0, 0.5))


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        ([NOTHING], [SOMEBODY]),
        ([SOMEBODY], [NOTHING]),
        ([NOTHING], [NOTHING]),
        ([], []),
        ([frame(Person(0, name="Car"))], [SOMEBODY]),
    ],
)
def test_without_labels_or_detections_every_key_is_zero(
    labels: list[FrameAnnotations], found: list[FrameAnnotations]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = evaluate(labels, found)
    assert len(scores) == 37
    assert set(scores.values()) == {0.0}


def test_box_that_is_not_finite_is_a_wrong_detection() -> None:
    found = frame(Person(0, 0.5), Person(4, 0.9))
    locations, boxes_2d = found.locations.copy(), found.boxes_2d.copy()
    locations[1], boxes_2d[1] = math.nan, [-math.inf, 0, math.inf, math.inf]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value = ap11(frame(Person(0)), replace(found, locations=locations, boxes_2d=boxes_2d))
    assert value == pytest.approx(ONE_IN_ELEVEN / 2)


def test_overall_is_the_mean_over_classes_under_both_names() -> None:
    labels = frame(Person(0), Person(3, name="Cyclist"))
    found = frame(Person(0, 0.5), Person(3, 0.9, name="Cyclist"), Person(6, 0.9, name="Cyclist"))
    scores = evaluate([labels], [found], classes=["person", "Cyclist"])
    expected = pytest.approx((ONE_IN_ELEVEN + ONE_IN_ELEVEN / 2) / 2)
    assert scores["TAO3D/Overall_3D_AP11_moderate_strict"] == expected
    assert scores["TAO3D/Overall_3D_AP11_moderate"] == expected
    assert scores["AP11"] == pytest.approx(ONE_IN_ELEVEN)


def test_headline_without_person_is_the_mean_over_classes() -> None:
    cyclist = frame(Person(0, 0.5, name="Cyclist"))
    scores = evaluate([cyclist], [cyclist], classes=["car", "cyclist"])
    assert scores["AP11"] == pytest.approx(ONE_IN_ELEVEN / 2)


def test_unequal_numbers_of_frames_are_refused() -> None:
    with pytest.raises(DataError, match="labels of 2 frames but detections of 1"):
        evaluate([NOTHING, NOTHING], [NOTHING])


@pytest.mark.parametrize(
    ("classes", "protocol", "text"),
    [
        (["Truck"], "kitti", "class 'Truck' is unknown to protocol KITTI.*\n.*Car, Pedestrian, Cyclist"),
        ([], "tao3d", r"classes \[\] must name at least one"),
        (["person", "Person"], "tao3d", r"classes \['person', 'Person'\] must name .* each once"),
        (None, "coco", "protocol 'coco' is unknown\n.*tao3d, kitti"),
    ],
)
def test_unknown_classes_and_protocols_are_named(classes: list[str] | None, protocol: str, text: str) -> None:
    with pytest.raises(SpecError, match=text):
        evaluate([NOTHING], [NOTHING], classes=classes, protocol=protocol)


def test_attributes_of_unequal_length_are_named() -> None:
    with pytest.raises(DataError, match=r"boxes_2d: shape \(2, 4\) where \(1, 4\) is wanted"):
        replace(SOMEBODY, boxes_2d=np.zeros((2, 4)))


def test_info_without_a_key_is_refused() -> None:
    with pytest.raises(DataError, match="annotations lack bbox, location"):
        FrameAnnotations.from_info(
            {key: [] for key in ("name", "truncated", "occluded", "alpha", "dimensions", "rotation_y")}
        )


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_only_the_order_of_scores_matters_and_frames_have_none(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = crowd(rng, frames=6, people=5)
    found = [replace(one, locations=one.locations + rng.normal(0, 0.15, (5, 3))) for one in labels]
    order = rng.permutation(6)
    scores = evaluate(labels, found)
    warped = [replace(found[i], scores=np.exp(3 * found[i].scores) - 7) for i in order]
    assert evaluate([labels[i] for i in order], warped) == pytest.approx(scores, abs=1e-9)


def test_an_epoch_of_a_trial_is_scored_in_a_blink() -> None:
    rng = np.random.default_rng(0)
    labels, found = crowd(rng, frames=60, people=5), crowd(rng, frames=60, people=20)
    start = time.process_time()
    evaluate(labels, found)
    assert time.process_time() - start < 0.3
