from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bevfusion.diagnosis.frames import FrameResult
from bevfusion.diagnosis.judgement import judge
from bevfusion.diagnosis.report import diagnose, judge_classes
from bevfusion.metrics import curves
from bevfusion.metrics.protocol import protocol_named
from bevfusion.pictures import (
    draw_curves,
    draw_diagnosis,
    draw_scene,
    judged_scene,
    rank_frames,
    sample_frames,
)
from bevfusion.pictures.judged import unlabelled_scene
from bevfusion.pictures.scene import STYLES
from tests.bevfusion.metrics.people import Person, frame

(PERSON,) = protocol_named("tao3d").rules(["person"])
INTRINSICS = np.array([[300.0, 0, 200, 0], [0, 300, 60, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
LIDAR2CAM = np.array([[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
POINTS = np.array([[5.0, -4.0, -1.6, 0.2], [20.0, 4.0, -1.6, 0.2]], dtype=np.float32)


def result(labels, found, image_path=Path("none.png")) -> FrameResult:
    return FrameResult(7, "000007", image_path, (120, 400), INTRINSICS, LIDAR2CAM, labels, found)


@pytest.fixture
def white(tmp_path) -> Path:
    Image.new("RGB", (400, 120), "white").save(tmp_path / "white.png")
    return tmp_path / "white.png"


def colours(path: Path) -> set[str]:
    """Kinds of boxes whose colour covers some pixels of a picture; text is grey, like ignored detections."""
    pixels = np.asarray(Image.open(path).convert("RGB")).astype(int)
    kinds = {kind: style.colour for kind, style in STYLES.items() if kind != "ignored detection"}
    wanted = {kind: [int(colour[i : i + 2], 16) for i in (1, 3, 5)] for kind, colour in kinds.items()}
    return {kind for kind, rgb in wanted.items() if (np.abs(pixels - rgb).max(axis=-1) < 12).sum() > 20}


def test_picture_shows_right_wrong_and_missed(white, tmp_path):
    labels = frame(Person(-3.0), Person(3.0))
    found = frame(Person(-2.9, score=0.9), Person(0.0, score=0.7))
    judgement = judge([labels], [found], PERSON, threshold=0.5)
    scene = judged_scene(result(labels, found, white), POINTS, {"person": judgement}, index=0, title="t")
    assert {kind: len(boxes) for kind, boxes in scene.boxes.items()} == {
        "label": 1,
        "missed label": 1,
        "detection": 1,
        "wrong detection": 1,
        "ignored detection": 0,
    }
    assert scene.scores["wrong detection"].tolist() == [0.7]
    draw_scene(scene, tmp_path / "out.png")
    assert colours(tmp_path / "out.png") == {"label", "missed label", "detection", "wrong detection"}


def test_frame_without_labels_and_without_image_is_drawn_from_above(tmp_path):
    scene = unlabelled_scene(result(None, frame(Person(0.0, score=0.9))), POINTS, title="t")
    assert scene.image is None
    draw_scene(scene, tmp_path / "out.png")
    assert colours(tmp_path / "out.png") == {"detection"}
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.width == 1100


def test_frame_without_points_and_boxes_can_be_drawn(white, tmp_path):
    scene = unlabelled_scene(result(None, frame(), white), POINTS[:0], title="t")
    draw_scene(scene, tmp_path / "out.png")
    assert colours(tmp_path / "out.png") == set()


def test_frames_are_ranked_by_f1_then_by_fullness():
    right, half, wrong = (
        (frame(Person(0.0)), frame(Person(0.0, score=0.9))),
        (frame(Person(0.0), Person(5.0)), frame(Person(0.0, score=0.9))),
        (frame(Person(0.0)), frame(Person(5.0, score=0.9))),
    )
    fuller = (frame(Person(0.0), Person(5.0)), frame(Person(0.0, score=0.9), Person(5.0, score=0.9)))
    empty = (frame(), frame())
    truth, found = zip(wrong, right, empty, half, fuller, strict=True)
    judgement = judge(truth, found, PERSON, threshold=0.5)
    assert rank_frames([judgement], frames=5, each=1) == {"best": [4], "worst": [0], "median": [1]}
    assert rank_frames([judgement], frames=5, each=3) == {"best": [4, 1, 3], "worst": [0], "median": []}
    assert rank_frames([judgement], frames=5, each=0) == {"best": [], "worst": [], "median": []}


def test_sampled_frames_depend_on_labels_alone():
    truth = [frame(), *[frame(Person(0.0))] * 6, frame()]
    for found in ([frame()] * 8, truth):
        judgement = judge(truth, found, PERSON, threshold=0.5)
        assert sample_frames([judgement], each=2) == [2, 5]
        assert sample_frames([judgement], each=9) == [1, 2, 3, 4, 5, 6]
        assert sample_frames([judgement], each=0) == []
    assert sample_frames([judge([frame()], [frame()], PERSON, threshold=0.5)], each=2) == []


def test_charts_are_written_for_several_classes_and_for_nothing_found(tmp_path):
    truth, found = [frame(Person(0.0), Person(5.0, name="Car"))], [frame()]
    classes = ["person", "car"]
    traced = curves(truth, found, classes=classes)
    draw_curves(traced, tmp_path / "curves.png")
    report = diagnose(truth, found, judge_classes(truth, found, classes, traced=traced), traced=traced)
    path = tmp_path / "diagnosis.png"
    draw_diagnosis("person", report["person"], path, conditions={"as recorded": 0.0}, condition_frames=1)
    with Image.open(tmp_path / "curves.png") as both, Image.open(path) as person:
        assert (both.size, person.size) == ((1200, 500), (1100, 700))
