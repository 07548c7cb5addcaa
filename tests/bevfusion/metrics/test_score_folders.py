"""Scoring folders of text files of any detector."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from bevfusion.errors import DataError, SpecError
from bevfusion.metrics import score_folders

LABEL = "Pedestrian 0 0 0 {0} 100 {1} 180 1.7 0.6 0.8 {2} 1.6 10 0"


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    gt, pred = tmp_path / "label_2", tmp_path / "found"
    for folder in (gt, pred):
        folder.mkdir()
    for number in range(21):
        lines = [LABEL.format(100 * x, 100 * x + 60, 3 * x) for x in (1, 3)]
        (gt / f"{number:06}.txt").write_text("\n".join(lines), encoding="utf-8")
        (pred / f"{number:06}.txt").write_text("\n".join(f"{line} 0.5" for line in lines), encoding="utf-8")
    return gt, pred


def test_perfect_predictions_score_100_by_both_protocols(folders: tuple[Path, Path]) -> None:
    assert set(score_folders(*folders).values()) == {100.0}
    kitti = score_folders(*folders, protocol="kitti")
    assert kitti["KITTI/Pedestrian_AOS_AP40_hard_loose"] == 100.0
    assert kitti["KITTI/Car_3D_AP11_moderate_strict"] == 0.0


def test_missing_prediction_files_mean_no_detections(
    folders: tuple[Path, Path], caplog: pytest.LogCaptureFixture
) -> None:
    for number in (3, 5):
        (folders[1] / f"{number:06}.txt").unlink()
    with caplog.at_level(logging.WARNING):
        scores = score_folders(*folders)
    assert scores["AP11"] == pytest.approx(1000 / 11)  # 38 of 42 found: the last of eleven samples is missed
    assert "2 of 21 frames have no prediction file" in caplog.text
    assert "000003, 000005" in caplog.text


def test_a_list_says_which_frames_are_judged(
    folders: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(21, 42):  # another part of the data set, in which nobody looked
        (folders[0] / f"{number:06}.txt").write_text((folders[0] / "000000.txt").read_text())
    assert score_folders(*folders)["AP11"] < 60
    assert "--frames ImageSets/test.txt judges the frames of a list alone" in caplog.text
    caplog.clear()
    part = tmp_path / "test.txt"
    part.write_text("".join(f"{number:06}\n" for number in range(21)))
    assert score_folders(*folders, frames=part)["AP11"] == 100.0
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "names no frame"), ("000001 000077", "1 of its 2 frames have no label file: 000077")],
)
def test_a_list_of_other_frames_is_refused(
    folders: tuple[Path, Path], tmp_path: Path, text: str, message: str
) -> None:
    part = tmp_path / "test.txt"
    part.write_text(text)
    with pytest.raises(DataError, match=rf"test\.txt: {message}"):
        score_folders(*folders, frames=part)
    with pytest.raises(DataError, match=r"gone\.txt: cannot be read: .*No such file"):
        score_folders(*folders, frames=tmp_path / "gone.txt")


def test_predictions_for_unknown_frames_are_refused(folders: tuple[Path, Path]) -> None:
    (folders[1] / "000099.txt").write_text("", encoding="utf-8")
    with pytest.raises(
        DataError, match=r"found: 1 prediction files are of frames that .*label_2 does not label: 000099"
    ):
        score_folders(*folders)


def test_faults_of_several_files_are_told_together_up_to_twenty(folders: tuple[Path, Path]) -> None:
    for path in folders[1].iterdir():
        path.write_text("Pedestrian 0 0\n", encoding="utf-8")
    with pytest.raises(
        DataError, match=r"000000\.txt:1: 3 columns found(?s:.*)found: 1 more faults"
    ) as caught:
        score_folders(*folders)
    assert len(caught.value.faults) == 21


def test_missing_and_empty_folders_are_named(folders: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty: holds no label file"):
        score_folders(tmp_path / "empty", folders[1])
    with pytest.raises(DataError, match="nowhere: is not a folder"):
        score_folders(folders[0], tmp_path / "nowhere")


def test_unknown_class_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="class 'person' is unknown to protocol KITTI"):
        score_folders(tmp_path, tmp_path / "nowhere", classes=["person"], protocol="kitti")
