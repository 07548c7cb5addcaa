"""Reading and writing KITTI's text files, and what is said of broken ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bevfusion.errors import DataError
from bevfusion.metrics import read_labels, read_predictions, write_predictions
from tests.bevfusion.metrics.people import Person, frame

LINE = "Pedestrian 0.10 1 -0.20 10.5 20 30 80 1.75 0.6 0.8 1.5 1.6 12 -0.08"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "000007.txt"


def test_columns_land_where_they_belong(path: Path) -> None:
    path.write_text(
        f"{LINE}\n\nDontCare -1 -1 -10 0 0 5 5 -1 -1 -1 -1000 -1000 -1000 -10\n", encoding="utf-8"
    )
    labels = read_labels(path)
    assert labels.names.tolist() == ["Pedestrian", "DontCare"]
    assert (labels.truncated[0], labels.occluded[0], labels.alpha[0]) == (0.10, 1.0, -0.20)
    assert labels.boxes_2d[0].tolist() == [10.5, 20.0, 30.0, 80.0]
    assert labels.dimensions_lhw[0].tolist() == [0.8, 1.75, 0.6]
    assert labels.locations[0].tolist() == [1.5, 1.6, 12.0]
    assert (labels.rotation_y[0], labels.scores[0]) == (-0.08, 0.0)


def test_predictions_survive_writing_and_reading(path: Path) -> None:
    found = frame(Person(1 / 3, score=float(np.float32(0.1)), alpha=-1.25), Person(2, score=1e-7, name="Car"))
    write_predictions(path, found)
    again = read_predictions(path)
    assert again.names.tolist() == ["Pedestrian", "Car"]
    np.testing.assert_allclose(again.locations, found.locations, rtol=1e-8)
    np.testing.assert_array_equal(again.dimensions_lhw, found.dimensions_lhw)
    np.testing.assert_array_equal(again.scores.astype(np.float32), found.scores.astype(np.float32))


def test_empty_file_is_an_empty_frame(path: Path) -> None:
    path.write_text("", encoding="utf-8")
    assert len(read_predictions(path)) == 0


def test_all_faults_of_a_file_are_told_at_once(path: Path) -> None:
    path.write_text(f"{LINE} 0.9\n{LINE}\n{LINE.replace('12', 'far')} nan\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_predictions(path)
    assert [str(fault) for fault in caught.value.faults] == [
        f"{path}:2: 15 columns found; a prediction has 16, the last its score",
        f"{path}:3: z is 'far', not a finite number",
        f"{path}:3: score is 'nan', not a finite number",
    ]


def test_label_with_a_score_is_refused(path: Path) -> None:
    path.write_text(f"{LINE} 0.9\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"000007\.txt:1: 16 columns found; a label has 15"):
        read_labels(path)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_unreadable_file_is_named(path: Path, content: bytes | None) -> None:
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"000007\.txt: cannot be read: "):
        read_labels(path)
