import pickle
import resource
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest

from bevfusion.data.infos import read_infos, write_infos
from bevfusion.errors import DataError
from tests.fakes.info_entry import entry

REMEDY = "run dataset_convert first: automl run --model bevfusion --action dataset_convert"


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "infos.pkl"
    write_infos(path, [entry(), entry(sample_idx=8, instances=[])], split="val")
    infos = read_infos(path)
    assert (infos.split, infos.classes, infos.dataset_type) == ("val", ("person",), "KittiPersonDataset")
    first, empty = infos.frames
    assert (first.name, first.sample_idx, first.sequence, first.lidar_path) == ("000007", 7, "0003", "7.bin")
    assert first.boxes_lidar.tolist() == [[1, 2, 3, 4, 5, 6, 0.5]]
    assert first.num_lidar_pts.tolist() == [9]
    assert empty.boxes_lidar.shape == (0, 7)
    assert [path.name for path in tmp_path.iterdir()] == ["infos.pkl"]


def test_boxes_have_as_many_angles_as_their_type(tmp_path: Path) -> None:
    path = tmp_path / "infos.pkl"
    tilted = {"bbox_label_3d": 0, "bbox_3d": list(range(9)), "bbox": [1, 2, 3, 4], "num_lidar_pts": 9}
    frames = [entry(instances=[tilted]), entry(instances=[])]
    write_infos(path, frames, split="val", dataset_type="TAO3DDataset")
    assert [frame.boxes_lidar.shape for frame in read_infos(path).frames] == [(1, 9), (0, 9)]


def test_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "infos.pkl"
    write_infos(path, [entry()], split="train")

    def no_space(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(OSError, match="No space left"):
        write_infos(path, [], split="train")
    assert len(read_infos(path).frames) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["infos.pkl"]


def test_pickle_that_names_a_class_is_never_run(tmp_path: Path) -> None:
    path = tmp_path / "infos.pkl"
    path.write_bytes(pickle.dumps(OrderedDict(a=1)))
    with pytest.raises(
        DataError, match=r"infos.pkl: not a plain pickle .*collections.OrderedDict.*"
    ) as caught:
        read_infos(path)
    assert REMEDY in str(caught.value)


def test_pickled_call_is_not_executed(tmp_path: Path) -> None:
    path, marker = tmp_path / "infos.pkl", tmp_path / "executed"
    path.write_bytes(f"cpathlib\nPath.touch\n(cpathlib\nPath\n(V{marker}\ntRtR.".encode())
    with pytest.raises(DataError, match="it names pathlib"):
        read_infos(path)
    assert not marker.exists()


def test_index_that_a_file_names_makes_no_room(tmp_path: Path) -> None:
    """Ten bytes, for which the unpickler in C makes room for 2^28 objects."""
    path = tmp_path / "infos.pkl"
    path.write_bytes(b"\x80\x02Nr\xff\xff\xff\x07.")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(DataError):
        read_infos(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kB


@pytest.mark.parametrize("content", [b"", b"hello", pickle.dumps({"a": 1})[:-4], b"J", b"\x80\x00\x95"])
def test_what_is_no_pickle_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "infos.pkl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"infos.pkl: not a plain pickle of bevfusion"):
        read_infos(path)


def test_missing_file_tells_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read_infos(tmp_path / "infos.pkl")
    assert str(caught.value).startswith(f"{tmp_path / 'infos.pkl'}: the info file is missing\n  -> {REMEDY}")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([1, 2], "not an info file of bevfusion"),
        ({"metainfo": {"dataset": "kitti"}, "data_list": []}, "not an info file of bevfusion"),
        (
            {"metainfo": {"format": "bevfusion-infos", "version": 1}},
            "version 1, this program reads version 2",
        ),
        ({"metainfo": {"format": "bevfusion-infos", "version": 2}}, "lacks a key (KeyError('data_list'))"),
    ],
)
def test_foreign_content_is_named(tmp_path: Path, content: Any, text: str) -> None:
    path = tmp_path / "infos.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(DataError) as caught:
        read_infos(path)
    assert text in caught.value.faults[0].message


def test_points_beside_the_info_file_win_over_the_data_root(tmp_path: Path) -> None:
    job, root = tmp_path / "job", tmp_path / "root"
    job.mkdir()
    write_infos(job / "infos.pkl", [entry()], split="train")
    infos = read_infos(job / "infos.pkl")
    assert infos.points_dir(root, "training/velodyne_reduced") == root / "training/velodyne_reduced"
    (job / "training/velodyne_reduced").mkdir(parents=True)
    (job / "training/velodyne_reduced/7.bin").touch()
    assert infos.points_dir(root, "training/velodyne_reduced") == job / "training/velodyne_reduced"
    assert infos.points_dir(root, "/else") == Path("/else")
