import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from bevfusion.actions.dataset_convert import run
from bevfusion.data.infos import locate, read_infos
from bevfusion.data.loading import load_points
from bevfusion.errors import DataError, SpecError
from bevfusion.geometry.frames import visible_mask
from bevfusion.spec import ConvertSpec
from tests.bevfusion.data.conftest import convert

Rewrite = Callable[[str, str], Path]


def faults_of(root: Path) -> list[tuple[str, str]]:
    with pytest.raises(DataError) as caught:
        convert(root)
    return [(fault.where, fault.message) for fault in caught.value.faults]


def test_every_split_becomes_an_info_file_in_the_root(kitti_root: Path) -> None:
    written = convert(kitti_root)
    assert written == {
        split: kitti_root / f"kitti_person_infos_{split}.pkl" for split in ("train", "val", "test")
    }
    assert [frame.sample_idx for frame in read_infos(written["train"]).frames] == [0, 1]


def test_frame_holds_calibration_person_and_all_labels(kitti_root: Path) -> None:
    frame = read_infos(convert(kitti_root)["train"]).frames[0]
    assert (frame.sequence, frame.lidar_path, frame.cameras["CAM2"].img_path) == (
        "0001",
        "000000.bin",
        "000000.png",
    )
    np.testing.assert_allclose(frame.boxes_lidar, [[10.0, -1.0, -1.6, 0.9, 0.5, 1.8, -np.pi / 2]])
    assert frame.num_lidar_pts.tolist() == [12]
    assert frame.annotations is not None
    assert frame.annotations["name"] == ["Pedestrian", "Car"]
    assert frame.annotations["dimensions"][1] == [3.9, 1.5, 1.6]
    assert frame.annotations["location"][0] == [1.0, 1.6, 10.0]
    np.testing.assert_allclose(frame.cameras["CAM2"].lidar2img @ [10, -1, 0, 1], [900, 300, 10, 1])


def test_frame_without_person_stays_as_a_negative(kitti_root: Path) -> None:
    negative = read_infos(convert(kitti_root)["train"]).frames[1]
    assert negative.labels.tolist() == []
    assert negative.annotations is not None
    assert negative.annotations["name"] == ["Car", "DontCare"]


def test_reduced_points_are_those_in_the_image(kitti_root: Path) -> None:
    camera = read_infos(convert(kitti_root)["train"]).frames[0].cameras["CAM2"]
    raw = load_points(kitti_root / "training/velodyne/000000.bin")
    seen = visible_mask(raw[:, :3], camera.lidar2img, height_px=60, width_px=160)
    reduced = load_points(kitti_root / "training/velodyne_reduced/000000.bin")
    assert 0 < len(reduced) < len(raw)
    np.testing.assert_array_equal(reduced, raw[seen])


def test_kittis_own_test_part_needs_no_labels_and_no_training_part(kitti_root: Path, tmp_path: Path) -> None:
    (kitti_root / "training").rename(kitti_root / "testing")
    shutil.rmtree(kitti_root / "testing/label_2")
    job = tmp_path / "job"
    run(ConvertSpec(root_dir=str(kitti_root), results_dir=str(job), mode="testing"))
    infos = read_infos(job / "kitti_person_infos_test.pkl")
    frame = infos.frames[0]
    assert frame.annotations is None
    points_dir = infos.points_dir(kitti_root, "training/velodyne_reduced")
    assert locate(points_dir, frame.lidar_path) == job / "testing/velodyne_reduced/000003.bin"
    image = locate(kitti_root / "training/image_2", frame.cameras["CAM2"].img_path)
    assert image == kitti_root / "testing/image_2/000003.png"


def test_test_frames_in_the_training_folder_may_lack_labels(kitti_root: Path) -> None:
    (kitti_root / "training/label_2/000003.txt").unlink()
    assert read_infos(convert(kitti_root)["test"]).frames[0].annotations is None


def test_empty_test_list_gives_no_file(kitti_root: Path, rewrite: Rewrite) -> None:
    rewrite("ImageSets/test.txt", "")
    assert list(convert(kitti_root)) == ["train", "val"]


@pytest.mark.parametrize(("mode", "split"), [("validation", "val"), ("testing", "test")])
def test_mode_selects_one_split(kitti_root: Path, mode: str, split: str) -> None:
    run(ConvertSpec(root_dir=str(kitti_root), mode=mode))
    assert [path.name for path in kitti_root.glob("*.pkl")] == [f"kitti_person_infos_{split}.pkl"]


def test_several_processes_write_the_same(kitti_root: Path, tmp_path: Path) -> None:
    one = convert(kitti_root, tmp_path / "a", workers=1)
    two = convert(kitti_root, tmp_path / "b", workers=2)
    assert one["train"].read_bytes() == two["train"].read_bytes()


def test_all_damage_of_all_frames_is_told_and_nothing_is_written(kitti_root: Path, rewrite: Rewrite) -> None:
    part = kitti_root / "training"
    (part / "velodyne/000000.bin").write_bytes(b"\0" * 17)
    (part / "image_2/000000.png").unlink()
    rewrite("training/calib/000002.txt", "P2: 1")
    (part / "label_2/000001.txt").unlink()
    before = sorted(kitti_root.rglob("*"))
    found = [where for where, _ in faults_of(kitti_root)]
    assert str(part / "velodyne/000000.bin") in found
    assert str(part / "image_2/000000.png") in found
    assert str(part / "label_2/000001.txt") in found
    assert f"{part / 'calib/000002.txt'}:P2" in found
    assert sorted(kitti_root.rglob("*")) == before


def test_person_without_size_is_refused(kitti_root: Path, rewrite: Rewrite) -> None:
    path = rewrite("training/label_2/000000.txt", "Pedestrian 0 0 0 1 1 2 2 -1 -1 -1 0 0 9 0")
    assert faults_of(kitti_root) == [(str(path), "a person's dimensions are not positive")]


def test_calibration_that_shows_no_point_is_refused(kitti_root: Path, rewrite: Rewrite) -> None:
    text = (kitti_root / "training/calib/000000.txt").read_text()
    path = rewrite(
        "training/calib/000000.txt", text.replace("cam: 0 -1 0 0 0 0 -1 0 1 0", "cam: 0 1 0 0 0 0 -1 0 -1 0")
    )
    rewrite("training/velodyne/000000.bin", "")
    np.array([[9, 0, 0, 0]], dtype="<f4").tofile(kitti_root / "training/velodyne/000000.bin")
    assert faults_of(kitti_root) == [(str(path), "no LiDAR point projects into the image")]


def test_frame_in_two_splits_is_refused(kitti_root: Path, rewrite: Rewrite) -> None:
    path = rewrite("ImageSets/val.txt", "000001\n000002\n")
    assert faults_of(kitti_root) == [
        (str(path), "1 frames are also in another split, first 000001 in train.txt")
    ]


def test_folder_without_frames_is_refused(tmp_path: Path) -> None:
    message = "no frames listed in train.txt, val.txt, test.txt"
    assert faults_of(tmp_path) == [(str(tmp_path / "ImageSets"), message)]


def test_action_writes_into_results_and_reports_counts(kitti_root: Path, tmp_path: Path, capsys) -> None:
    results = tmp_path / "job"
    run(ConvertSpec(root_dir=str(kitti_root), results_dir=str(results)))
    lines = [json.loads(line) for line in (results / "status.json").read_text().splitlines()]
    assert [line["status"] for line in lines] == ["STARTED", "SUCCESS"]
    assert lines[1]["kpi"] == {
        "train_frames": 2, "val_frames": 1, "test_frames": 1,
        "train_persons": 1, "val_persons": 1, "test_persons": 1,
    }  # fmt: skip
    assert (results / "training/velodyne_reduced/000003.bin").is_file()
    assert list(kitti_root.glob("*.pkl")) == []
    assert "train: Car 2, Pedestrian 1, DontCare 1" in capsys.readouterr().out


def test_action_without_results_writes_into_the_root_and_no_status(kitti_root: Path) -> None:
    run(ConvertSpec(root_dir=str(kitti_root), output_prefix="mine", mode="validation"))
    assert [path.name for path in kitti_root.glob("*.pkl")] == ["mine_infos_val.pkl"]
    assert not (kitti_root / "status.json").exists()


def test_data_that_fails_the_check_is_told_by_its_own_name_and_leaves_nothing(
    kitti_root: Path, tmp_path: Path, rewrite: Rewrite
) -> None:
    flat = "Pedestrian 0.00 0 -0.10 85.37 27.95 94.87 46.41 0.50 1.80 0.90 1.00 1.60 10.00 0.00"
    rewrite("training/label_2/000000.txt", flat)
    job = tmp_path / "job"
    with pytest.raises(DataError) as caught:
        run(ConvertSpec(root_dir=str(kitti_root), results_dir=str(job)))
    fault = caught.value.faults[0]
    assert fault.where == str(job / "kitti_person_infos_train.pkl")
    assert fault.message.startswith("3D boxes do not project into their 2D boxes: median overlap 0.")
    assert [path.name for path in job.iterdir()] == ["status.json"]
    assert '"FAILURE"' in (job / "status.json").read_text()


def test_conversion_that_fails_leaves_the_one_before_as_it_was(kitti_root: Path, rewrite: Rewrite) -> None:
    before = {path: path.read_bytes() for path in convert(kitti_root).values()}
    rewrite("training/calib/000000.txt", "P2: 1")
    faults_of(kitti_root)
    assert {path: path.read_bytes() for path in before} == before
    assert not list(kitti_root.glob(".staged*"))


def test_many_faults_are_cut_short(kitti_root: Path, rewrite: Rewrite) -> None:
    rewrite("ImageSets/train.txt", "\n".join(f"{number:06d}" for number in range(100, 110)))
    found = faults_of(kitti_root)
    assert len(found) == 21
    assert found[-1] == ("", "and 20 more faults like these")


def test_results_folder_that_cannot_be_written_is_named(kitti_root: Path, tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    (tmp_path / "job/training").write_text("in the way")
    with pytest.raises(
        DataError, match=r"job/training/velodyne_reduced: cannot be written \(Not a directory\)"
    ):
        run(ConvertSpec(root_dir=str(kitti_root), results_dir=str(tmp_path / "job")))


def test_file_of_the_data_set_that_may_not_be_read_is_named(
    kitti_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", refuse)
    with pytest.raises(DataError, match=r"cannot be read \(Permission denied\)\n  -> see that this account"):
        convert(kitti_root, tmp_path / "job")


@pytest.mark.parametrize("full", ["points", "infos"])
def test_disk_full_is_told_by_its_own_name_and_leaves_nothing(
    kitti_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: str
) -> None:
    def no_space(path: Path | int, *_: object) -> None:
        place = [str(path)] if isinstance(path, Path) else []  # of a descriptor the system tells no name
        raise OSError(errno.ENOSPC, "No space left on device", *place)

    monkeypatch.setattr(*((Path, "write_bytes") if full == "points" else (os, "fsync")), no_space)
    with pytest.raises(DataError, match=r"cannot be written \(No space left on device\)\n  -> make room"):
        convert(kitti_root, tmp_path / "job")
    assert not (tmp_path / "job").exists()


def test_ground_planes_are_read_where_they_are_asked_for(kitti_root: Path, rewrite: Rewrite) -> None:
    (kitti_root / "training/planes").mkdir()
    for number in range(4):
        rewrite(f"training/planes/00000{number}.txt", "# Plane\nWidth 4\nHeight 1\n0 -1 0 1.65\n")
    run(ConvertSpec(root_dir=str(kitti_root), with_plane=True))
    assert read_infos(kitti_root / "kitti_person_infos_val.pkl").frames[0].plane == (0.0, -1.0, 0.0, 1.65)
    path = rewrite("training/planes/000003.txt", "# Plane\nWidth 4\nHeight 1\n0 -1 0\n")
    with pytest.raises(DataError, match=f"{path}:4: found '0 -1 0', not a plane"):
        run(ConvertSpec(root_dir=str(kitti_root), with_plane=True))


def test_right_camera_is_converted_where_it_is_asked_for(kitti_root: Path, rewrite: Rewrite) -> None:
    shutil.copytree(kitti_root / "training/image_2", kitti_root / "training/image_3")
    for path in (kitti_root / "training/calib").iterdir():
        path.write_text(path.read_text() + "P3: 100 0 80 -54 0 100 30 0 0 0 1 0\n")
    run(ConvertSpec(root_dir=str(kitti_root), num_views=2))
    cameras = read_infos(kitti_root / "kitti_person_infos_val.pkl").frames[0].cameras
    assert list(cameras) == ["CAM2", "CAM3"]
    assert cameras["CAM3"].img_path == "../image_3/000002.png"
    assert cameras["CAM3"].cam2img[0].tolist() == [100, 0, 80, -54]


def test_action_refuses_what_its_layout_does_not_have() -> None:
    with pytest.raises(SpecError) as caught:
        run(ConvertSpec(per_sequence=True, dimension_order="lwh"))
    assert [fault.where for fault in caught.value.faults] == ["per_sequence", "dimension_order", "root_dir"]
    assert "'lwh' has no meaning for the layout kitti\n  -> leave it at 'hwl'" in str(caught.value)
    with pytest.raises(SpecError, match="with_plane: True has no meaning for the layout tao3d"):
        run(ConvertSpec(dataset="tao3d", root_dir="x", with_plane=True))
    with pytest.raises(SpecError, match="dimension_order: sizes of synthetic labels are always l, w, h"):
        run(ConvertSpec(dataset="tao3d", root_dir="x", is_synthetic=True, dimension_order="lhw"))
