import pickle
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bevfusion.data.checks import check_inputs
from bevfusion.data.infos import write_infos
from bevfusion.spec import ExperimentSpec
from tests.bevfusion.data.conftest import convert


@pytest.fixture
def spec(kitti_root: Path) -> ExperimentSpec:
    written = convert(kitti_root)
    base = ExperimentSpec()
    parts = {
        f"{split}_dataset": replace(
            getattr(base.dataset, f"{split}_dataset"), ann_file=str(path), batch_size=1
        )
        for split, path in written.items()
    }
    return replace(base, dataset=replace(base.dataset, root_dir=str(kitti_root), **parts))


def with_dataset(spec: ExperimentSpec, **changes: Any) -> ExperimentSpec:
    return replace(spec, dataset=replace(spec.dataset, **changes))


def with_train_part(spec: ExperimentSpec, **changes: Any) -> ExperimentSpec:
    return with_dataset(spec, train_dataset=replace(spec.dataset.train_dataset, **changes))


def with_value(spec: Any, key: str, value: object) -> Any:
    name, _, rest = key.partition(".")
    return replace(spec, **{name: with_value(getattr(spec, name), rest, value) if rest else value})


@pytest.mark.parametrize("action", ["train", "evaluate", "inference"])
def test_sound_data_has_no_faults(spec: ExperimentSpec, action: str) -> None:
    assert check_inputs(spec, action) == []


def test_missing_info_file_comes_with_the_command(spec: ExperimentSpec, kitti_root: Path) -> None:
    (kitti_root / "kitti_person_infos_val.pkl").unlink()
    (fault,) = check_inputs(spec, "train")
    assert (fault.where, fault.message) == (
        str(kitti_root / "kitti_person_infos_val.pkl"),
        "the info file is missing",
    )
    command = f"automl run --model bevfusion --action dataset_convert --data {kitti_root}"
    assert fault.hint == f"run dataset_convert first: {command}"


def test_command_falls_back_to_the_folder_of_the_info_file(spec: ExperimentSpec, kitti_root: Path) -> None:
    (kitti_root / "kitti_person_infos_test.pkl").unlink()
    (fault,) = check_inputs(with_dataset(spec, root_dir=""), "evaluate")
    assert fault.hint.endswith(f"--data {kitti_root}")


def test_unnamed_info_file_is_a_fault_of_its_key(spec: ExperimentSpec) -> None:
    (fault,) = check_inputs(with_train_part(spec, ann_file=None), "train")
    assert (fault.where, fault.message) == ("dataset.train_dataset.ann_file", "no info file given")


def test_missing_image_names_the_file_and_the_info_file(spec: ExperimentSpec, kitti_root: Path) -> None:
    image = kitti_root / "training/image_2/000001.png"
    image.unlink()
    (fault,) = check_inputs(spec, "train")
    assert (fault.where, fault.message) == (str(image), "the image is missing")
    assert f"{kitti_root / 'kitti_person_infos_train.pkl'} refers to it" in fault.hint


def test_modality_that_is_off_needs_no_files(spec: ExperimentSpec, kitti_root: Path) -> None:
    (kitti_root / "training/image_2/000001.png").unlink()
    lidar_only = replace(spec, input_modality=replace(spec.input_modality, use_camera=False))
    assert check_inputs(lidar_only, "train") == []
    (kitti_root / "training/velodyne_reduced/000000.bin").unlink()
    (fault,) = check_inputs(lidar_only, "train")
    assert fault.message == "the point file is missing"


def test_many_missing_files_are_summed_up(spec: ExperimentSpec, kitti_root: Path) -> None:
    camera = {"img_path": "x.png", "height": 1, "width": 1} | dict.fromkeys(
        ("cam2img", "lidar2cam", "lidar2img"), [[0.0] * 4] * 4
    )
    frame = {"sequence": "", "lidar_points": {"lidar_path": "x.bin", "num_pts_feats": 4}, "annotations": {}}
    frame |= {"name": "x", "images": {"CAM2": camera}, "instances": [], "plane": None}
    frames = [frame | {"sample_idx": i} for i in range(8)]
    write_infos(kitti_root / "kitti_person_infos_test.pkl", frames, split="test")
    faults = check_inputs(spec, "evaluate")
    assert len(faults) == 6
    assert faults[-1].message == "11 more of 16 files are missing"


def test_classes_and_camera_that_the_data_do_not_have(spec: ExperimentSpec) -> None:
    wrong = with_dataset(spec, classes=("person", "car"), default_cam_key="CAM3", type="TAO3DDataset")
    messages = [fault.message for fault in check_inputs(wrong, "evaluate")]
    assert messages == [
        "made for KittiPersonDataset, but dataset.type is TAO3DDataset",
        "classes ['car'] of dataset.classes are not among ['person']",
        "frame 000003 has no camera CAM3, it has ['CAM2']",
    ]


def test_cameras_and_numbers_of_a_point_that_the_data_do_not_have(spec: ExperimentSpec) -> None:
    messages = [fault.message for fault in check_inputs(with_dataset(spec, num_views=2), "evaluate")]
    assert messages == ["frame 000003 has ['CAM2'], 2 cameras are wanted"]
    messages = [fault.message for fault in check_inputs(with_dataset(spec, point_cloud_dim=5), "evaluate")]
    assert messages == ["points of frame 000003 have 4 numbers, 5 are wanted"]


def test_split_without_frames(spec: ExperimentSpec, kitti_root: Path) -> None:
    path = kitti_root / "kitti_person_infos_train.pkl"
    write_infos(path, [], split="train")
    (fault,) = check_inputs(spec, "train")
    assert (fault.where, fault.message) == (str(path), "the split has no frames")


def test_training_without_a_single_step_is_refused_with_its_numbers(spec: ExperimentSpec) -> None:
    wide = replace(spec, train=replace(spec.train, num_gpus=2, accumulation=3))
    (fault,) = check_inputs(wide, "train")
    assert fault.message == (
        "batch size 1 x 2 processes x accumulation 3 = 6 frames for one update, an epoch has 2"
    )
    assert check_inputs(with_train_part(wide, repeat_time=3), "train") == []


def test_unlabelled_frames_can_be_inferred_on_but_not_scored(spec: ExperimentSpec, kitti_root: Path) -> None:
    (kitti_root / "training/label_2/000003.txt").unlink()
    convert(kitti_root)
    assert check_inputs(spec, "inference") == []
    (fault,) = check_inputs(spec, "evaluate")
    assert fault.message == "the frames have no labels to score against"


@pytest.mark.parametrize(
    ("action", "key"),
    [
        ("train", "train.pretrained_checkpoint"),
        ("train", "train.resume_training_checkpoint_path"),
        ("train", "model.img_backbone.init_cfg.checkpoint"),
        ("evaluate", "evaluate.checkpoint"),
        ("inference", "inference.checkpoint"),
    ],
)
def test_a_checkpoint_that_is_not_there_is_named_with_its_key(
    spec: ExperimentSpec, tmp_path: Path, action: str, key: str
) -> None:
    missing = tmp_path / "epoch_7.pth"
    named = with_value(spec, key, str(missing))
    (fault,) = check_inputs(named, action)
    assert (fault.where, fault.message) == (key, f"there is no file {missing}")
    missing.touch()
    assert check_inputs(named, action) == []


def test_a_backbone_is_not_asked_for_where_it_is_not_read(spec: ExperimentSpec) -> None:
    named = with_value(spec, "model.img_backbone.init_cfg.checkpoint", "/nowhere.pth")
    assert check_inputs(with_value(named, "input_modality.use_camera", value=False), "train") == []
    assert check_inputs(named, "evaluate") == []


def test_four_hundred_frames_take_less_than_a_second(spec: ExperimentSpec, kitti_root: Path) -> None:
    path = kitti_root / "kitti_person_infos_train.pkl"
    entry = pickle.loads(path.read_bytes())["data_list"][0]  # noqa: S301  written by the fixture
    frames = []
    for number in range(1000, 1400):
        (kitti_root / f"training/image_2/{number}.png").touch()
        (kitti_root / f"training/velodyne_reduced/{number}.bin").touch()
        images = {"CAM2": entry["images"]["CAM2"] | {"img_path": f"{number}.png"}}
        lidar = {"lidar_path": f"{number}.bin", "num_pts_feats": 4}
        frames.append(entry | {"sample_idx": number, "images": images, "lidar_points": lidar})
    write_infos(path, frames, split="train")
    start_s = time.process_time()
    assert check_inputs(spec, "train") == []
    assert time.process_time() - start_s < 1.0
