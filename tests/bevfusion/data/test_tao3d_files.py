"""TAO's two conventions against one person whose box is known: 10 m ahead, 1 m right, looking right."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bevfusion.actions.dataset_convert import run
from bevfusion.data.convert import ConvertRequest, convert_dataset
from bevfusion.data.infos import Infos, read_infos
from bevfusion.data.objects import objects_path, read_objects
from bevfusion.data.tao3d import Tao3dLayout
from bevfusion.errors import DataError
from bevfusion.spec import ConvertSpec
from tests.bevfusion.data.conftest import HEIGHT_PX, WIDTH_PX, make_points

HEAD = "person 0.00 0 -0.10"
RECORDED = f"{HEAD} 85.37 27.95 94.87 46.41 1.80 0.50 0.90 10 -1 -0.7 0 0 -1.5707963267948966"
# The same box from the camera's place with y up and z backwards: right left bottom top, l w h, degrees.
SYNTHETIC = f"{HEAD} 94.87 85.37 46.41 27.95 0.90 0.50 1.80 1 -1.6 -10 -90 0 0 1"
LIDAR_BOX = [10.0, -1.0, -1.6, 0.9, 0.5, 1.8, 0.0, 0.0, -np.pi / 2]
RECORDED_CALIBRATION = "lidar2cam: 0 -1 0 0 0 0 -1 0 1 0 0 0 0 0 0 1\nintrinsics: 100 100 80 30\n"
SYNTHETIC_CALIBRATION = """lidar2cam: 0 0 -1 0 -1 0 0 0 0 1 0 0 0 0 0 1
width: 160
height: 60
unit: 1
intrinsics: 100 100 80 30
"""
SEQUENCES = {"train": ["yard", "hall"], "val": ["dock"], "test": []}

Build = Callable[..., Tao3dLayout]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """Write a folder of three sequences of two frames."""

    def build(*, is_synthetic: bool = False, label: str | None = None) -> Tao3dLayout:
        root = tmp_path / "tao3d"
        files = {
            "labels": label or (SYNTHETIC if is_synthetic else RECORDED),
            "calib": SYNTHETIC_CALIBRATION if is_synthetic else RECORDED_CALIBRATION,
        }
        for sequence in ("yard", "hall", "dock"):
            for folder in ("labels", "calib", "lidar", "images"):
                (root / "training" / folder / sequence).mkdir(parents=True)
            for name in ("b_1", "a_2"):
                for folder, text in files.items():
                    (root / "training" / folder / sequence / f"{name}.txt").write_text(text + "\n")
                np.save(root / "training/lidar" / sequence / f"{name}.npy", make_points())
                picture = Image.new("RGB", (WIDTH_PX, HEIGHT_PX))
                picture.save(root / "training/images" / sequence / f"{name}.png")
        (root / "ImageSets").mkdir()
        for split, names in SEQUENCES.items():
            (root / "ImageSets" / f"{split}.txt").write_text("".join(f"{name}\n" for name in names))
        return Tao3dLayout(root, is_synthetic=is_synthetic)

    return build


def convert(layout: Tao3dLayout, **changes: object) -> dict[str, Infos]:
    request = replace(ConvertRequest(layout, layout.root_dir, prefix="tao3d", workers=1), **changes)
    return {split: read_infos(request.info_path(split)) for split in convert_dataset(request)}


def label_faults(layout: Tao3dLayout, *lines: str) -> list[tuple[str, str]]:
    path = layout.root_dir / "label.txt"
    path.write_text("\n".join(lines))
    with pytest.raises(DataError) as caught:
        layout.read_labels(path)
    return [(fault.where.removeprefix(f"{path}:"), fault.message) for fault in caught.value.faults]


@pytest.mark.parametrize("is_synthetic", [False, True])
def test_both_conventions_give_the_same_frame(build: Build, is_synthetic: bool) -> None:
    infos = convert(build(is_synthetic=is_synthetic))
    assert {split: [frame.name for frame in part.frames] for split, part in infos.items()} == {
        "train": ["yard/a_2", "yard/b_1", "hall/a_2", "hall/b_1"],
        "val": ["dock/a_2", "dock/b_1"],
    }
    frame = infos["train"].frames[2]
    assert (frame.sample_idx, frame.sequence, frame.num_lidar_pts.tolist()) == (2, "hall", [12])
    assert (frame.lidar_path, frame.cameras["CAM0"].img_path) == ("hall/a_2.bin", "hall/a_2.png")
    np.testing.assert_allclose(frame.boxes_lidar, [LIDAR_BOX], atol=1e-9)
    np.testing.assert_allclose(frame.boxes_2d, [[85.37, 27.95, 94.87, 46.41]])
    np.testing.assert_allclose(frame.cameras["CAM0"].lidar2img @ [10, -1, 0, 1], [900, 300, 10, 1])
    assert frame.annotations is not None
    np.testing.assert_allclose(frame.annotations["location"], [[1.0, 1.6, 10.0]], atol=1e-9)
    np.testing.assert_allclose(frame.annotations["dimensions"], [[0.9, 1.8, 0.5]])
    np.testing.assert_allclose(frame.annotations["rotation_y"], [0.0], atol=1e-9)


@pytest.mark.parametrize(("order", "sizes"), [("hwl", "3 2 1"), ("lwh", "1 2 3"), ("lhw", "1 3 2")])
def test_sizes_are_called_by_their_names_in_every_order(tmp_path: Path, order: str, sizes: str) -> None:
    (tmp_path / "label.txt").write_text(f"{HEAD} 1 2 3 4 {sizes} 10 0 0 0 0 0.5")
    boxes = Tao3dLayout(tmp_path, dimension_order=order).read_labels(tmp_path / "label.txt").boxes
    np.testing.assert_allclose(boxes, [[10, 0, -1.5, 1, 2, 3, 0, 0, 0.5]])


def test_single_angle_of_a_recorded_label_is_the_yaw(tmp_path: Path) -> None:
    (tmp_path / "label.txt").write_text(f"{HEAD} 1 2 3 4 2 1 1 10 0 0 0.7")
    boxes = Tao3dLayout(tmp_path).read_labels(tmp_path / "label.txt").boxes
    np.testing.assert_allclose(boxes[0, 6:], [0, 0, 0.7])


def test_middle_of_a_tilted_box_lies_above_its_bottom_along_its_own_edge(tmp_path: Path) -> None:
    (tmp_path / "label.txt").write_text(f"{HEAD} 1 2 3 4 2 1 1 10 5 3 {np.pi / 2} 0 0")
    boxes = Tao3dLayout(tmp_path).read_labels(tmp_path / "label.txt").boxes
    np.testing.assert_allclose(boxes[0, :3], [10, 6, 3])  # its top points to -y, the bottom is at +y


def test_other_classes_are_kept_for_scoring_only(build: Build) -> None:
    forklift = RECORDED.replace("person", "Forklift").replace(" 10 -1 ", " 20 3 ")
    frame = convert(build(label=f"{forklift}\n{RECORDED.replace('person', 'Person')}"))["val"].frames[0]
    assert frame.annotations is not None
    assert frame.annotations["name"] == ["Forklift", "Person"]
    np.testing.assert_allclose(frame.boxes_lidar, [LIDAR_BOX], atol=1e-9)


def test_frame_without_objects_stays_as_a_negative(build: Build) -> None:
    layout = build()
    (layout.root_dir / "training/labels/dock/a_2.txt").write_text("")
    negative = convert(layout)["val"].frames[0]
    assert (negative.name, negative.boxes_lidar.shape) == ("dock/a_2", (0, 9))


def test_points_may_be_plain_floats(build: Build) -> None:
    layout = build()
    for path in (layout.root_dir / "training/lidar").rglob("*.npy"):
        np.load(path).tofile(path.with_suffix(".bin"))
        path.unlink()
    assert convert(layout)["val"].frames[0].num_lidar_pts.tolist() == [12]


def test_bad_labels_name_line_and_finding(tmp_path: Path) -> None:
    lines = ("person 1 2", RECORDED.replace(" 10 ", " ten "), SYNTHETIC)
    assert label_faults(Tao3dLayout(tmp_path), *lines) == [
        ("1", "3 fields, a recorded label has 15 or 17 or 18"),
        ("2", "a field is not a finite number"),
    ]
    short = f"{HEAD} 1 2 3 4 2 1 1 10 0 0 0.7"
    assert label_faults(Tao3dLayout(tmp_path, is_synthetic=True), short) == [
        ("1", "15 fields, a synthetic label has 17 or 18")
    ]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (RECORDED_CALIBRATION.replace(" 1\n", "\n"), 1, "needs a name and 16 numbers, found 'lidar2cam: 0"),
        ("lidar2cam: 0 -1 0 0 0 0 -1 0 1 0 0 0 0 0 0 1\n", 2, "needs a name and 4 numbers, found ''"),
        (
            "lidar2cam: 0 0 1 0 -1 0 0 0 0 -1 0 0 .1 .2 .3 1\nk: 1 1 1 1",
            1,
            "[0.1, 0.2, 0.3, 1.0] stands where 0 0 0 1 belongs",
        ),
        (RECORDED_CALIBRATION.replace("100 100", "100 -100"), 2, "focal lengths [100.0, -100.0] are not"),
    ],
)
def test_bad_calibration_names_line_and_finding(build: Build, text: str, line: int, message: str) -> None:
    layout = build()
    path = layout.root_dir / "training/calib/dock/a_2.txt"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        convert(layout)
    (fault,) = caught.value.faults
    assert fault.where == f"{path}:{line}"
    assert fault.message.startswith(message)


def test_synthetic_data_read_as_recorded_are_refused(build: Build) -> None:
    layout = build(is_synthetic=True)
    path = layout.root_dir / "training/calib/dock/a_2.txt"
    moved = SYNTHETIC_CALIBRATION.replace("0 0 0 1\n", ".1 .2 .3 1\n", 1)
    path.write_text(moved)
    (frame, *_) = layout.list_frames("val")
    assert layout.read_calibrations(frame)["CAM0"].lidar2cam[:3, 3].tolist() == [0.1, -0.2, -0.3]
    with pytest.raises(DataError, match="synthetic ones in the last row: check is_synthetic"):
        replace(layout, is_synthetic=False).read_calibrations(frame)


def test_lists_of_sequences_name_what_is_wrong(build: Build) -> None:
    layout = build()
    path = layout.root_dir / "ImageSets/train.txt"
    path.write_text("yard\n../yard\nyard\n")
    with pytest.raises(DataError) as caught:
        convert(layout)
    assert [(fault.where, fault.message) for fault in caught.value.faults] == [
        (f"{path}:2", "sequence name '../yard' is not the name of a folder"),
        (f"{path}:3", "sequence yard is already in line 1"),
    ]
    path.write_text("yard\nattic\n")
    with pytest.raises(DataError, match=r"images/attic: sequence attic has no .png images\n  -> restore it"):
        convert(layout)


def test_sequence_in_two_splits_is_refused(build: Build) -> None:
    layout = build()
    (layout.root_dir / "ImageSets/val.txt").write_text("hall\ndock\n")
    message = r"val.txt: 2 frames are also in another split, first hall/a_2 in train.txt"
    with pytest.raises(DataError, match=message):
        convert(layout)


def test_info_files_of_sequences_join_to_that_of_their_split(build: Build) -> None:
    layout = build()
    (layout.root_dir / "ImageSets/train.txt").write_text("yard\nhall\ndock\n")
    whole = convert(layout, per_sequence=True, splits=("train",))["train"]
    (part, joined) = (layout.root_dir / name for name in ("tao3d_sequence_hall.pkl", "tao3d_infos_train.pkl"))
    assert [frame.name for frame in read_infos(part).frames] == ["hall/a_2", "hall/b_1"]
    joined.unlink()
    shutil.rmtree(layout.root_dir / "training/labels")
    for _ in range(2):
        again = convert(layout, merge_only=True, splits=("train",))["train"]
        assert [frame.name for frame in again.frames] == [frame.name for frame in whole.frames]
        assert [frame.sample_idx for frame in again.frames] == list(range(6))


def test_objects_are_cut_out_anew_when_sequences_are_joined(build: Build) -> None:
    layout = build()
    whole = convert(layout, per_sequence=True, splits=("train",))["train"]
    before = read_objects(whole.path)
    objects_path(whole.path).unlink()
    after = read_objects(convert(layout, merge_only=True, splits=("train",))["train"].path)
    assert [(found.frame, len(found.points)) for found in after] == [
        (found.frame, len(found.points)) for found in before
    ]
    assert {found.box.shape for found in after} == {(9,)}
    assert {*after[0].patches} == {"CAM0"}


def test_sequences_that_were_converted_one_by_one_are_numbered_on_when_joined(build: Build) -> None:
    layout = build()
    lists = layout.root_dir / "ImageSets/train.txt"
    for sequence in ("yard", "hall", "dock"):
        lists.write_text(f"{sequence}\n")
        convert(layout, per_sequence=True, splits=("train",))
    lists.write_text("yard\nhall\ndock\n")
    for _ in range(2):
        joined = convert(layout, merge_only=True, splits=("train",))["train"]
        assert [frame.sample_idx for frame in joined.frames] == list(range(6))
        assert [frame.sequence for frame in joined.frames] == ["yard"] * 2 + ["hall"] * 2 + ["dock"] * 2


def test_joining_without_info_files_tells_how_to_make_them(build: Build) -> None:
    layout = build()
    with pytest.raises(DataError) as caught:
        convert(layout, merge_only=True, splits=("val",))
    (fault,) = caught.value.faults
    assert fault.where == str(layout.root_dir / "tao3d_sequence_dock.pkl")
    assert fault.hint == "convert with per_sequence=true and merge_only=false first"


@pytest.mark.parametrize(
    ("mode", "split"), [("training", "train"), ("validation", "val"), ("testing", "test")]
)
def test_list_of_sequences_is_the_split_of_the_mode(build: Build, mode: str, split: str) -> None:
    root = build(is_synthetic=True).root_dir
    (root / "mine.txt").write_text("hall\n")
    run(
        ConvertSpec(
            dataset="tao3d",
            root_dir=str(root),
            mode=mode,
            sequence_list=str(root / "mine.txt"),
            is_synthetic=True,
        )
    )
    assert [path.name for path in root.glob("*.pkl") if "objects" not in path.name] == [
        f"tao3d_infos_{split}.pkl"
    ]
    infos = read_infos(root / f"tao3d_infos_{split}.pkl")
    assert (infos.dataset_type, infos.split, len(infos.frames)) == ("TAO3DSyntheticDataset", split, 2)


def test_list_of_sequences_that_is_missing_is_named(build: Build) -> None:
    root = build().root_dir
    with pytest.raises(DataError, match=r"nowhere.txt: no such file\n  -> check sequence_list"):
        run(ConvertSpec(dataset="tao3d", root_dir=str(root), sequence_list=str(root / "nowhere.txt")))
