from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bevfusion.data.kitti import KittiLayout, read_calibrations, read_labels, read_sequences
from bevfusion.data.loading import load_image, load_points, read_image_size
from bevfusion.errors import DataError


def test_label_columns_become_length_height_width(kitti_root: Path) -> None:
    labels = read_labels(kitti_root / "training/label_2/000000.txt")
    assert labels.names == ("Pedestrian", "Car")
    np.testing.assert_allclose(labels.boxes[0], [1.0, 1.6, 10.0, 0.9, 1.8, 0.5, 0.0])
    np.testing.assert_allclose(labels.boxes_2d[1], [20, 25, 40, 40])
    assert labels.occluded.tolist() == [0, 1]


def test_empty_label_file_is_a_frame_without_objects(kitti_root: Path, rewrite) -> None:
    labels = read_labels(rewrite("training/label_2/000000.txt", "\n"))
    assert labels.names == ()
    assert labels.boxes.shape == (0, 7)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("Pedestrian 0 0 0 1 1 2 2 1 1 1 0 0 9", "14 fields, a KITTI label has 15"),
        ("Robot 0 0 0 1 1 2 2 1 1 1 0 0 9 0", "unknown class 'Robot'"),
        ("Car 0 0 0 1 1 2 2 1 1 1 0 0 nan 0", "a field is not a finite number"),
    ],
)
def test_bad_label_names_file_line_and_finding(rewrite, line: str, text: str) -> None:
    path = rewrite("training/label_2/000000.txt", f"\n{line}\n")
    with pytest.raises(DataError) as caught:
        read_labels(path)
    assert caught.value.faults[0].where == f"{path}:2"
    assert text in caught.value.faults[0].message


def test_all_bad_labels_of_a_file_are_told_at_once(rewrite) -> None:
    path = rewrite("training/label_2/000000.txt", "Car 1\nBus 0 0 0 1 1 2 2 1 1 1 0 0 9 0\n")
    with pytest.raises(DataError) as caught:
        read_labels(path)
    assert [fault.where[-2:] for fault in caught.value.faults] == [":1", ":2"]


def test_binary_label_file_is_refused(kitti_root: Path) -> None:
    path = kitti_root / "training/label_2/000000.txt"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"000000.txt: the file is not text"):
        read_labels(path)


def test_calibration_chains_rectification_and_projection(rewrite) -> None:
    rows = (
        "P2: 100 0 80 5 0 100 30 0 0 0 1 0",
        "R0_rect: 0 1 0 -1 0 0 0 0 1",
        "Tr_velo_to_cam: 1 0 0 2 0 1 0 3 0 0 1 4",
    )
    text = "\n".join(rows)
    calibration = read_calibrations(rewrite("training/calib/000000.txt", text))["CAM2"]
    np.testing.assert_allclose(calibration.lidar2cam @ [0, 0, 0, 1], [3, -2, 4, 1])
    np.testing.assert_allclose(calibration.lidar2img @ [0, 0, 0, 1], [625, -80, 4, 1])


def test_calibration_faults_name_each_row(rewrite) -> None:
    path = rewrite("training/calib/000000.txt", "P2: 1 2 3\nTr_velo_to_cam: 1 0 0 0 0 1 0 0 0 0 1 x\n")
    with pytest.raises(DataError) as caught:
        read_calibrations(path)
    found = {fault.where: fault.message for fault in caught.value.faults}
    assert found[f"{path}:P2"] == "row P2 needs 12 numbers, found '1 2 3'"
    assert found[f"{path}:R0_rect"] == "row R0_rect needs 9 numbers, found nothing"
    assert "1 x'" in found[f"{path}:Tr_velo_to_cam"]


def test_missing_text_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"000042.txt: the file is missing\n  -> restore it"):
        read_calibrations(tmp_path / "000042.txt")


def test_split_lists_frames_in_order_and_may_be_missing(kitti_root: Path) -> None:
    layout = KittiLayout(kitti_root)
    assert [frame.name for frame in layout.list_frames("train")] == ["000000", "000001"]
    assert layout.list_frames("none") == []


def test_frame_listed_twice_names_both_lines(kitti_root: Path, rewrite) -> None:
    path = rewrite("ImageSets/train.txt", "000001\n000000\n000001\nabc\n")
    with pytest.raises(DataError) as caught:
        KittiLayout(kitti_root).list_frames("train")
    assert caught.value.faults[0].message == "frame 000001 is already in line 1"
    assert caught.value.faults[0].where == f"{path}:3"
    assert caught.value.faults[1].message == "frame name 'abc' is not a number"


def test_frame_with_two_point_files_is_refused(kitti_root: Path) -> None:
    np.save(kitti_root / "training/velodyne/000001.npy", np.ones((2, 4)))
    with pytest.raises(DataError, match=r"two point files, 000001.bin and 000001.npy\n  -> keep one"):
        KittiLayout(kitti_root).list_frames("train")


def test_sequences_map_frames_to_drives(kitti_root: Path) -> None:
    path = kitti_root / "ImageSets/sequences.txt"
    assert read_sequences(path) == {"000000": "0001", "000001": "0001"}
    assert read_sequences(kitti_root / "none.txt") == {}
    path.write_text("000000\n")
    with pytest.raises(DataError, match=r"sequences.txt:1: found '000000'\n  -> write '<frame> <sequence>'"):
        read_sequences(path)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"\x00" * 20, "20 bytes is not a multiple of 16: the file is truncated"),
        (b"", "the file holds no points"),
        (np.array([1, 2, np.nan, 0, 1, 2, 3, 0], dtype="<f4").tobytes(), "1 of 2 points are NaN or infinite"),
    ],
)
def test_bad_point_file_is_named(tmp_path: Path, content: bytes, text: str) -> None:
    path = tmp_path / "000007.bin"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        load_points(path)
    assert (caught.value.faults[0].where, caught.value.faults[0].message) == (str(path), text)


@pytest.mark.parametrize("array", [np.arange(20.0).reshape(5, 4), np.arange(20), np.arange(20, dtype="<f4")])
def test_npy_holds_a_row_a_point_or_all_in_one_row(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "7.npy", array)
    points = load_points(tmp_path / "7.npy")
    assert points.dtype == np.float32
    assert points.tolist() == np.arange(20.0).reshape(5, 4).tolist()


def test_npy_may_have_more_numbers_a_point(tmp_path: Path) -> None:
    np.save(tmp_path / "7.npy", np.ones((3, 6)))
    assert load_points(tmp_path / "7.npy").shape == (3, 6)


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.array(["x"]), "not an array of numbers (could not convert"),
        (np.array([{"a": 1}]), "not an array of numbers (Object arrays cannot be loaded"),
        (np.ones((3, 2)), "an array of shape (3, 2) is not a row of x, y, z"),
        (np.ones((0, 4)), "the file holds no points"),
        (np.ones(6, dtype="<f4"), "24 bytes is not a multiple of 16: the file is truncated"),
        (np.full((2, 4), np.nan), "2 of 2 points are NaN or infinite"),
    ],
)
def test_bad_array_is_named(tmp_path: Path, array: np.ndarray, text: str) -> None:
    np.save(tmp_path / "7.npy", array)
    with pytest.raises(DataError) as caught:
        load_points(tmp_path / "7.npy")
    assert caught.value.faults[0].where == str(tmp_path / "7.npy")
    assert caught.value.faults[0].message.startswith(text)


def test_truncated_array_is_named(tmp_path: Path) -> None:
    np.save(tmp_path / "7.npy", np.ones((9, 4)))
    (tmp_path / "7.npy").write_bytes((tmp_path / "7.npy").read_bytes()[:-5])
    with pytest.raises(DataError, match=r"7.npy: not an array of numbers"):
        load_points(tmp_path / "7.npy")


def test_missing_point_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"000007.bin: cannot be read \(No such file"):
        load_points(tmp_path / "000007.bin")


def test_grey_image_is_loaded_as_rgb(tmp_path: Path) -> None:
    Image.new("L", (4, 3), 7).save(tmp_path / "grey.png")
    assert np.asarray(load_image(tmp_path / "grey.png")).tolist() == [[[7, 7, 7]] * 4] * 3
    assert read_image_size(tmp_path / "grey.png") == (3, 4)


@pytest.mark.parametrize("read", [load_image, read_image_size])
def test_image_without_pixels_is_damaged_and_no_defect(tmp_path: Path, read) -> None:
    empty = "89504e470d0a1a0a0000000d4948445200000008000000040802000000 3cafe9a7 0000000049454e44ae426082"
    (tmp_path / "a.png").write_bytes(bytes.fromhex(empty))
    with pytest.raises(DataError, match=r"a.png: the image is damaged \("):
        read(tmp_path / "a.png")


@pytest.mark.parametrize("read", [load_image, read_image_size])
def test_format_that_no_camera_writes_is_not_decoded(tmp_path: Path, read) -> None:
    Image.new("RGB", (4, 3)).save(tmp_path / "a.png", format="TIFF")
    with pytest.raises(DataError, match=r"damaged \(none of PNG, JPEG, WEBP, BMP, PPM\)"):
        read(tmp_path / "a.png")


@pytest.mark.parametrize("read", [load_image, read_image_size])
def test_damaged_or_missing_image_is_named(kitti_root: Path, read) -> None:
    path = kitti_root / "training/image_2/000000.png"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=r"000000.png: the image is damaged \("):
        read(path)
    path.write_text("no image")
    with pytest.raises(DataError, match=r"000000.png: the image is damaged \(none of PNG, JPEG"):
        read(path)
    path.unlink()
    with pytest.raises(DataError, match=r"000000.png: the image is missing"):
        read(path)
