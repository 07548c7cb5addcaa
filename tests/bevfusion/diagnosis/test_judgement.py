"""Verdicts on people side by side: shifted by d metres, two of them overlap by (0.8 - d) / (0.8 + d)."""

from dataclasses import replace

import numpy as np
import pytest

from bevfusion.diagnosis.judgement import Judgement, Verdict, best_threshold, judge
from bevfusion.metrics import Curve, FrameAnnotations
from bevfusion.metrics.protocol import protocol_named
from tests.bevfusion.metrics.people import Person, frame

(PERSON,) = protocol_named("tao3d").rules(["person"])


def judged(truth: FrameAnnotations, found: FrameAnnotations, *, threshold: float = 0.1) -> Judgement:
    return judge([truth], [found], PERSON, threshold=threshold)


@pytest.mark.parametrize(
    ("shift_m", "label", "detection"),
    [
        (0.2, Verdict.FOUND, Verdict.FOUND),  # overlap 0.60
        (0.3, Verdict.LOCALISATION, Verdict.LOCALISATION),  # 0.45
        (0.7, Verdict.MISSED, Verdict.BACKGROUND),  # 0.07
    ],
)
def test_overlap_decides_between_found_misplaced_and_background(shift_m, label, detection):
    result = judged(frame(Person(0.0)), frame(Person(shift_m, score=0.9)))
    assert (result.of_labels.tolist(), result.of_detections.tolist()) == ([label], [detection])


def test_best_scored_detection_is_right_and_others_beside_it_are_duplicates():
    result = judged(
        frame(Person(0.0)), frame(Person(0.1, score=0.5), Person(0.2, score=0.9), Person(0.4, score=0.4))
    )
    assert result.of_detections.tolist() == ["duplicate", "found", "duplicate"]
    assert result.partner.tolist() == [0, 0, 0]


def test_second_detection_takes_the_second_of_two_close_people():
    result = judged(frame(Person(0.0), Person(0.5)), frame(Person(0.1, score=0.9), Person(0.15, score=0.8)))
    assert result.of_labels.tolist() == ["found", "localisation"]
    assert result.of_detections.tolist() == ["found", "localisation"]
    assert result.partner.tolist() == [0, 1]


def test_box_that_only_looks_the_wrong_way_is_an_orientation_error():
    label, found = frame(Person(0.0)), frame(Person(0.0, score=0.9))
    slim = {"dimensions_lhw": np.array([[2.0, 1.7, 0.5]])}
    turned = replace(found, **slim, rotation_y=np.array([np.pi / 2]))  # overlap 0.14
    result = judged(replace(label, **slim), turned)
    assert (result.of_labels[0], result.of_detections[0]) == (Verdict.ORIENTATION, Verdict.ORIENTATION)


def test_detections_under_the_threshold_are_not_looked_at():
    result = judged(frame(Person(0.0)), frame(Person(0.0, score=0.2)), threshold=0.3)
    assert (result.of_labels[0], result.of_detections[0]) == (Verdict.MISSED, Verdict.NONE)


def test_sitting_people_and_open_regions_excuse_what_lies_on_them():
    region = replace(
        frame(Person(10.0, name="DontCare")),
        dimensions_lhw=np.full((1, 3), -1.0),
        locations=np.full((1, 3), -1000.0),
    )
    for truth, x_m in ((frame(Person(5.0, name="Person_sitting")), 5.3), (region, 10.1)):
        result = judged(truth, frame(Person(x_m, score=0.9)))
        assert result.of_labels.tolist() == [Verdict.NONE]
        assert result.of_detections.tolist() == [Verdict.EXCUSED]


def test_background_names_the_label_that_it_lies_on():
    truth = frame(Person(0.0, name="Cyclist"), Person(5.0, name="Cyclist"))
    result = judged(truth, frame(Person(0.2, score=0.9), Person(9.0, score=0.9)))
    assert result.of_detections.tolist() == ["background", "background"]
    assert result.lookalike.tolist() == ["cyclist", ""]
    assert result.count(Verdict.BACKGROUND) == 2
    assert result.count(Verdict.MISSED) == 0


def test_frames_are_told_apart():
    truth = [frame(Person(0.0)), frame(), frame(Person(0.0), Person(5.0))]
    found = [frame(), frame(Person(0.0, score=0.9)), frame(Person(5.0, score=0.9))]
    result = judge(truth, found, PERSON, threshold=0.1)
    verdicts = [tuple(part.tolist() for part in result.of_frame(index)) for index in range(3)]
    assert verdicts == [(["missed"], []), ([], ["background"]), (["missed", "found"], ["found"])]


def test_threshold_balances_precision_and_recall():
    numbers = {"thresholds": [0.9, 0.6, 0.2], "recall": [0.3, 0.8, 0.9], "precision": [1.0, 0.8, 0.3]}
    curve = Curve(**{k: np.array(v) for k, v in numbers.items()}, similarity=np.zeros(3), num_labels=9)
    assert best_threshold(curve) == 0.6  # F1 0.46, 0.80, 0.45
    nothing = Curve(*[np.zeros(0)] * 4, num_labels=9)
    assert best_threshold(nothing) == 0.3
