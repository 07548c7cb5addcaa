"""Items of the data set as the model receives them."""

from __future__ import annotations

import copy
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="the detector is not installed")

from bevfusion.ops import register_mmcv_ops  # noqa: E402  mmdet3d needs its operations first

register_mmcv_ops()

from mmdet3d.structures import LiDARInstance3DBoxes  # noqa: E402

from bevfusion.data.dataset import FusionDataset, ModelView, open_split  # noqa: E402
from bevfusion.data.kitti import KittiLayout  # noqa: E402
from bevfusion.data.splits import SplitFiles  # noqa: E402
from bevfusion.errors import DataError  # noqa: E402
from bevfusion.geometry.boxes import points_in_boxes  # noqa: E402
from bevfusion.spec import ExperimentSpec  # noqa: E402
from bevfusion.spec.dataset import AugmentationSpec, ObjectSamplingSpec  # noqa: E402
from tests.bevfusion.data.conftest import convert  # noqa: E402

VIEW = ModelView(("person",), (0.0, -20.0, -3.0, 40.0, 20.0, 1.0), (64, 176))


@pytest.fixture
def files(kitti_root: Path) -> SplitFiles:
    return SplitFiles(convert(kitti_root)["train"], kitti_root)


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return torch.equal(a["inputs"]["points"], b["inputs"]["points"]) and torch.equal(
        a["inputs"]["img"], b["inputs"]["img"]
    )


def test_evaluation_item_is_the_raw_frame(files: SplitFiles) -> None:
    item = FusionDataset(files, VIEW)[0]
    sample = item["data_samples"]
    assert item["inputs"]["points"].dtype == torch.float32
    assert item["inputs"]["img"].shape == (1, 3, 64, 176)
    assert item["inputs"]["img"].dtype == torch.float32
    assert sample.gt_instances_3d.labels_3d.tolist() == [0]
    assert isinstance(sample.gt_instances_3d.bboxes_3d, LiDARInstance3DBoxes)
    expected = [[10.0, -1.0, -1.6, 0.9, 0.5, 1.8, -np.pi / 2]]
    np.testing.assert_allclose(sample.gt_instances_3d.bboxes_3d.tensor, expected, rtol=1e-6)
    assert sample.eval_ann_info["name"] == ["Pedestrian", "Car"]
    assert (sample.sample_idx, sample.ori_shape) == (0, (60, 160))


def test_matrices_map_raw_points_to_input_pixels(files: SplitFiles) -> None:
    sample = FusionDataset(files, VIEW)[0]["data_samples"]
    for name in ("lidar2img", "cam2img", "lidar2cam", "cam2lidar", "img_aug_matrix"):
        assert getattr(sample, name).shape == (1, 4, 4)
        assert getattr(sample, name).dtype == np.float32
    np.testing.assert_array_equal(sample.lidar_aug_matrix, np.eye(4))
    # A ray from the colour camera through a pixel, 12 m deep, lands on the pixel that it came from.
    intrinsics = np.eye(4)
    intrinsics[:3, :3] = sample.cam2img[0][:3, :3]
    pixel = np.array([12.0 * 80, 12.0 * 30, 12.0, 1.0])
    back = sample.lidar2img[0] @ (sample.cam2lidar[0] @ np.linalg.inv(intrinsics) @ pixel)
    np.testing.assert_allclose(back, pixel, atol=1e-3)
    scaled = sample.lidar2img[0] @ [10.0, -1.0, -1.6, 1.0]
    np.testing.assert_allclose(scaled[:3] / scaled[2], [90.0, 46.0, 1.0])
    pixel = sample.img_aug_matrix[0] @ [90.0, 46.0, 1.0, 1.0]
    np.testing.assert_allclose(pixel[:2], [99.0, 46 * 1.1 - 2], rtol=1e-5)


def test_colours_stay_red_green_blue(files: SplitFiles) -> None:
    img = FusionDataset(files, replace(VIEW, image_size=(60, 160)))[0]["inputs"]["img"][0]
    assert img[:, 20, 100].tolist() == [100.0, 20.0, 120.0]


def test_points_out_of_range_are_dropped(files: SplitFiles) -> None:
    near = replace(VIEW, point_cloud_range=(8.0, -2.0, -3.0, 12.0, 0.0, 1.0))
    points = FusionDataset(files, near)[0]["inputs"]["points"]
    assert len(points) > 0
    assert (points[:, 0] >= 8).all()
    assert (points[:, 0] < 12).all()
    assert (points[:, 1] < 0).all()


def test_targets_out_of_range_are_dropped_and_their_labels_kept(files: SplitFiles) -> None:
    sample = FusionDataset(files, replace(VIEW, point_cloud_range=(12.0, -20.0, -3.0, 40.0, 20.0, 1.0)))[0]
    assert len(sample["data_samples"].gt_instances_3d) == 0
    assert sample["data_samples"].eval_ann_info["name"] == ["Pedestrian", "Car"]


def test_negative_frame_has_empty_targets(files: SplitFiles) -> None:
    targets = FusionDataset(files, VIEW)[1]["data_samples"].gt_instances_3d
    assert targets.bboxes_3d.tensor.shape == (0, 7)
    assert targets.labels_3d.dtype == torch.int64


def test_lidar_only_reads_no_image(files: SplitFiles, kitti_root: Path) -> None:
    (kitti_root / "training/image_2/000000.png").unlink()
    item = FusionDataset(files, replace(VIEW, image_size=None))[0]
    assert list(item["inputs"]) == ["points"]
    assert item["data_samples"].lidar2cam.shape == (1, 4, 4)


def test_augmented_boxes_hold_their_points_and_calibration_stays_raw(files: SplitFiles) -> None:
    raw = FusionDataset(files, VIEW)[0]["data_samples"]
    dataset = FusionDataset(files, VIEW, augmentation=AugmentationSpec(translation_m=0.2), repeat_time=10)
    for item in (dataset[index] for index in range(0, 20, 2)):
        sample, points = item["data_samples"], item["inputs"]["points"].numpy()
        boxes = sample.gt_instances_3d.bboxes_3d.tensor.numpy()
        assert points_in_boxes(points, boxes).sum() == 12
        back = np.linalg.inv(sample.lidar_aug_matrix) @ [*boxes[0, :3], 1]
        np.testing.assert_allclose(back[:3], [10.0, -1.0, -1.6], atol=1e-4)
        np.testing.assert_array_equal(sample.lidar2img, raw.lidar2img)


def test_points_are_mirrored_turned_scaled_and_shifted_in_training(files: SplitFiles) -> None:
    dataset = FusionDataset(files, VIEW, augmentation=AugmentationSpec(), repeat_time=20)
    matrices = np.stack([dataset[index]["data_samples"].lidar_aug_matrix for index in range(40)])
    scale = np.cbrt(np.abs(np.linalg.det(matrices[:, :3, :3])))
    assert 8 < (np.linalg.det(matrices[:, :3, :3]) < 0).sum() < 32
    assert 0.03 < scale.std() < 0.1
    assert np.abs(np.arctan2(matrices[:, 1, 0], matrices[:, 0, 0])).max() > 0.5
    assert 0.3 < matrices[:, :3, 3].std() < 0.7


def test_draws_depend_on_seed_epoch_and_index_alone(files: SplitFiles) -> None:
    first = FusionDataset(files, VIEW, augmentation=AugmentationSpec(), seed=5)
    again = FusionDataset(files, VIEW, augmentation=AugmentationSpec(), seed=5)
    first[0], first[1]
    assert same(first[0], again[0])
    again.set_epoch(1)
    assert not same(first[0], again[0])
    first.set_epoch(1)
    assert same(first[0], again[0])
    assert not same(first[0], FusionDataset(files, VIEW, augmentation=AugmentationSpec(), seed=6)[0])


SAMPLING = AugmentationSpec(object_sampling=ObjectSamplingSpec(probability=1, max_difficulty="any"))


def test_pasted_objects_move_with_the_scene_which_moves_as_without_them(files: SplitFiles) -> None:
    plain = FusionDataset(files, VIEW, augmentation=AugmentationSpec(), seed=5)[1]
    pasted = FusionDataset(files, VIEW, augmentation=SAMPLING, sampling_epochs=1, seed=5)[1]
    sample, points = pasted["data_samples"], pasted["inputs"]["points"].numpy()
    np.testing.assert_array_equal(sample.lidar_aug_matrix, plain["data_samples"].lidar_aug_matrix)
    boxes = sample.gt_instances_3d.bboxes_3d.tensor.numpy()
    back = np.linalg.inv(sample.lidar_aug_matrix) @ [*boxes[0, :3], 1]
    np.testing.assert_allclose(back[:3], [10.0, -1.0, -1.6], atol=1e-4)
    assert points_in_boxes(points, boxes).sum() == 12
    assert len(plain["data_samples"].gt_instances_3d) == 0


def test_the_last_epochs_see_frames_as_they_are(files: SplitFiles) -> None:
    fading = FusionDataset(files, VIEW, augmentation=SAMPLING, sampling_epochs=2)
    plain = FusionDataset(files, VIEW, augmentation=AugmentationSpec())
    for epoch, differs in enumerate([True, True, False]):
        for dataset in (fading, plain):
            dataset.set_epoch(epoch)
        assert same(fading[1], plain[1]) is not differs
        again = FusionDataset(files, VIEW, augmentation=SAMPLING, sampling_epochs=2)
        again.set_epoch(epoch)
        assert same(again[1], fading[1])


def test_spec_says_in_which_epochs_objects_are_pasted(files: SplitFiles) -> None:
    spec = ExperimentSpec()
    part = replace(spec.dataset.train_dataset, ann_file=str(files.ann_file))
    spec = replace(spec, dataset=replace(spec.dataset, augmentation=SAMPLING, train_dataset=part))
    dataset = open_split(spec, part, augment=True)
    found = []
    for epoch in range(spec.train.num_epochs):
        dataset.set_epoch(epoch)
        found.append(len(dataset[1]["data_samples"].gt_instances_3d) > 0)
    assert 0 < sum(found[:8]) <= 8  # a shift may move an object out of the range
    assert found[8:] == [False, False]


def test_repeated_frames_are_varied_anew(files: SplitFiles) -> None:
    dataset = FusionDataset(files, VIEW, augmentation=AugmentationSpec(), repeat_time=3)
    assert len(dataset) == 6
    assert dataset[4]["data_samples"].sample_idx == 0
    assert not same(dataset[0], dataset[4])


def test_workers_that_live_on_see_the_new_epoch(files: SplitFiles) -> None:
    dataset = copy.deepcopy(FusionDataset(files, VIEW, augmentation=AugmentationSpec()))  # as a runner does
    loader = torch.utils.data.DataLoader(
        dataset, batch_size=None, num_workers=1, persistent_workers=True, multiprocessing_context="fork"
    )
    epochs = []
    for epoch in (0, 1):
        dataset.set_epoch(epoch)
        epochs.append(list(loader))
        assert all(same(item, dataset[index]) for index, item in enumerate(epochs[epoch]))
    assert not same(epochs[0][0], epochs[1][0])


def test_spec_opens_its_parts(files: SplitFiles, kitti_root: Path) -> None:
    spec = ExperimentSpec()
    part = replace(spec.dataset.train_dataset, ann_file=str(files.ann_file), repeat_time=2)
    spec = replace(spec, dataset=replace(spec.dataset, train_dataset=part))
    dataset = open_split(spec, part, augment=True)
    assert (len(dataset), dataset.seed, dataset.metainfo) == (4, 1234, {"classes": ("person",)})
    assert dataset[0]["inputs"]["img"].shape == (1, 3, 256, 704)
    assert open_split(spec, part, augment=False).augmentation is None
    with pytest.raises(DataError, match="no info file given"):
        open_split(spec, spec.dataset.val_dataset, augment=False)


def test_unknown_class_is_refused(files: SplitFiles) -> None:
    with pytest.raises(
        DataError, match=r"classes \['car'\] are not in the info file, which has \['person'\]"
    ):
        FusionDataset(files, replace(VIEW, classes=("person", "car")))


def test_second_camera_follows_the_first(kitti_root: Path) -> None:
    shutil.copytree(kitti_root / "training/image_2", kitti_root / "training/image_3")
    for path in (kitti_root / "training/calib").iterdir():
        path.write_text(path.read_text() + "P3: 100 0 80 -54 0 100 30 0 0 0 1 0\n")
    written = convert(kitti_root, layout=KittiLayout(kitti_root, num_views=2))
    stereo = SplitFiles(written["train"], kitti_root, num_views=2)
    item = FusionDataset(stereo, VIEW)[0]
    assert item["inputs"]["img"].shape == (2, 3, 64, 176)
    sample = item["data_samples"]
    assert sample.cam2img[:, 0, 3].tolist() == [0, -54]
    assert sample.img_aug_matrix.shape == sample.cam2lidar.shape == (2, 4, 4)
    right = FusionDataset(replace(stereo, camera="CAM3", num_views=1), VIEW)[0]["data_samples"]
    assert right.cam2img[:, 0, 3].tolist() == [-54]
    assert right.img_path == str(kitti_root / "training/image_3/000000.png")


def test_camera_that_is_not_there_is_refused(files: SplitFiles) -> None:
    with pytest.raises(DataError, match=r"frame 000000 has no camera CAM0, it has \['CAM2'\]"):
        FusionDataset(replace(files, camera="CAM0"), VIEW)
    with pytest.raises(DataError, match=r"frame 000000 has \['CAM2'\], 2 cameras are wanted"):
        FusionDataset(replace(files, num_views=2), VIEW)
