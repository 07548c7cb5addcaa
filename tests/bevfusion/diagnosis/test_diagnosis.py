import json
import math
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from bevfusion.diagnosis.errors import ERRORS, ap11_if_mended, mend
from bevfusion.diagnosis.frames import FrameResult, choose_frames
from bevfusion.diagnosis.judgement import Verdict, judge
from bevfusion.diagnosis.recall import RecallBin, measure_fit, recall_by_distance, recall_by_occlusion
from bevfusion.diagnosis.report import diagnose, judge_classes, tell_balance
from bevfusion.metrics import curves, evaluate
from bevfusion.metrics.protocol import protocol_named
from tests.bevfusion.metrics.people import Person, crowd, frame

(PERSON,) = protocol_named("tao3d").rules(["person"])


@pytest.fixture
def crowded():
    """Thirty frames of four people; of the first one each frame errs in another way."""
    truth = crowd(np.random.default_rng(0), frames=30, people=4)
    found = [replace(labels, scores=np.full(4, 0.8)) for labels in truth]
    slim = np.array([2.0, 1.7, 0.5])
    for index, labels in enumerate(truth):
        dims, places, turn = labels.dimensions_lhw.copy(), labels.locations.copy(), np.zeros(4)
        if index % 3 == 0:
            places[0, 0] += 0.4
        elif index % 3 == 1:
            dims[0], turn[0] = slim, math.pi / 2
            truth[index] = replace(labels, dimensions_lhw=dims.copy())
        else:
            places[0, 0] += 50.0  # misses one, and shows one where nobody is
        found[index] = replace(found[index], dimensions_lhw=dims, locations=places, rotation_y=turn)
    return truth, found


def test_mending_a_kind_of_error_removes_it_and_no_other(crowded):
    truth, found = crowded
    before = judge(truth, found, PERSON, threshold=0.5)
    counts = {kind: before.count(kind) for kind in ERRORS}
    assert counts == {"missed": 10, "localisation": 10, "orientation": 10, "duplicate": 0, "background": 10}
    for kind in ERRORS:
        after = judge(truth, mend(truth, found, before, kind), PERSON, threshold=0.5)
        assert {other: after.count(other) for other in ERRORS} == counts | {kind: 0}


def test_gain_is_what_the_evaluator_gives_without_the_error(crowded):
    truth, found = crowded
    judgement = judge(truth, found, PERSON, threshold=0.5)
    figures = ap11_if_mended(truth, found, judgement)
    plain = evaluate(truth, found, classes=["person"])["AP11"]
    assert figures[Verdict.DUPLICATE] == plain
    misplaced = mend(truth, found, judgement, Verdict.LOCALISATION)
    assert figures[Verdict.LOCALISATION] == evaluate(truth, misplaced, classes=["person"])["AP11"] > plain


def test_all_errors_mended_is_perfect(crowded):
    truth, found = crowded
    for kind in ERRORS:
        found = mend(truth, found, judge(truth, found, PERSON, threshold=0.5), kind)
    assert evaluate(truth, found, classes=["person"])["AP11"] == 100.0


def test_recall_is_told_by_distance_and_occlusion():
    truth = frame(Person(0.0), Person(2.0, occluded=2), Person(4.0, occluded=2))
    truth = replace(truth, locations=np.array([[0.0, 1.6, 9.0], [3.0, 1.6, 14.0], [6.0, 1.6, 60.0]]))
    found = replace(truth, scores=np.array([0.9, 0.9, 0.0]))
    judgement = judge([truth], [found], PERSON, threshold=0.5)
    assert recall_by_distance(judgement) == (
        RecallBin("0-10 m", 1, 1, 100.0),
        RecallBin("10-20 m", 1, 1, 100.0),
        RecallBin("over 50 m", 1, 0, 0.0),
    )
    assert recall_by_occlusion(judgement) == (
        RecallBin("visible", 1, 1, 100.0),
        RecallBin("largely hidden", 2, 1, 50.0),
    )


def test_fit_of_found_people_is_measured():
    truth = frame(Person(0.0), Person(5.0), Person(10.0))
    moved = replace(
        truth,
        locations=truth.locations + np.array([0.03, 0.0, 0.04]),
        dimensions_lhw=truth.dimensions_lhw * [1.0, 1.1, 1.0],
        rotation_y=np.array([0.1, 0.2, math.pi - 0.1]),
        scores=np.full(3, 0.9),
    )
    fit = measure_fit(judge([truth], [moved], PERSON, threshold=0.5))
    assert fit is not None
    assert asdict(fit) == pytest.approx(
        {"centre_m": 0.05, "size_percent": 10.0, "heading_deg": math.degrees(0.2), "flipped_percent": 100 / 3}
    )
    assert measure_fit(judge([truth], [frame()], PERSON, threshold=0.5)) is None


def test_diagnosis_holds_all_figures_and_can_be_written_as_json(crowded):
    truth, found = crowded
    traced = curves(truth, found, classes=["person"])
    judgements = judge_classes(truth, found, ["person"], traced=traced)
    person = diagnose(truth, found, judgements, traced=traced)["person"]
    assert (person.found, person.precision, person.recall) == (90, 75.0, 75.0)
    assert person.ap11 == traced["TAO3D/person_3D_moderate_strict"].ap11
    assert person.background_on == {"nothing labelled": 10}
    assert json.loads(json.dumps(asdict(person)))["recall_by_occlusion"] == [
        {"name": "visible", "labels": 120, "found": 90, "recall": 75.0}
    ]


def test_the_score_to_take_is_named_where_anything_is_right():
    labels = [frame(Person(0.0), Person(3.0))]
    found = [frame(Person(0.0, score=0.8), Person(3.0, score=0.4), Person(6.0, score=0.1))]
    assert tell_balance(curves(labels, found), ["person"]) == (
        "precision and recall balance at score 0.40 (person)"
    )
    aside = [frame(Person(9.0, score=0.8))]
    assert tell_balance(curves(labels, aside), ["person"]) == "no detection lies on a label"


def test_detections_are_kept_from_a_score_on():
    found = frame(Person(0.0, score=0.8), Person(3.0, score=0.5), Person(6.0, score=0.1))
    assert found.scored_at_least(0.5).scores.tolist() == [0.8, 0.5]
    assert found.scored_at_least(0.9).boxes_2d.shape == (0, 4)


def test_labelled_frames_are_chosen_evenly():
    eye = np.eye(4)
    frames = [
        FrameResult(i, str(i), Path(), (1, 1), eye, eye, frame(Person(0.0)) if i % 2 else None, frame())
        for i in range(10)
    ]
    assert [chosen.sample_idx for chosen in choose_frames(frames, 3)] == [1, 5, 9]
    assert [chosen.sample_idx for chosen in choose_frames(frames, 99)] == [1, 3, 5, 7, 9]
    assert [chosen.sample_idx for chosen in choose_frames(frames[::2], 2)] == [0, 8]
