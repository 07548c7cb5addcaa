"""Frames as mmdet3d's models take them, drawn the same whatever the number of workers or interruptions."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmdet3d.structures import Box3DMode, Det3DDataSample
from mmengine.structures import InstanceData
from numpy.typing import NDArray
from torch.utils.data import Dataset

from bevfusion.data.box_types import BOX_TYPES
from bevfusion.data.infos import Camera, Frame, locate, read_infos
from bevfusion.data.loading import load_image, load_points
from bevfusion.data.object_sampling import ObjectSampler, Scene, find_obstacles
from bevfusion.data.objects import read_objects
from bevfusion.data.splits import SplitFiles, split_files
from bevfusion.data.transforms import ImageTransform, LidarTransform
from bevfusion.errors import DataError
from bevfusion.geometry.frames import FloatArray
from bevfusion.spec.conventions import CONVENTIONS
from bevfusion.spec.dataset import AugmentationSpec, SplitSpec
from bevfusion.spec.experiment import ExperimentSpec

__all__ = ["FusionDataset", "ModelView", "open_split"]


@dataclass(frozen=True)
class ModelView:
    """What the model looks at.

    Attributes:
        classes: in the order of the labels; other classes of the info file are left out of the targets.
        point_cloud_range: x, y, z from, then to, metres. Points outside are dropped, as are targets whose
            centre lies outside in x or y.
        image_size: height and width of the model's input; None leaves the images alone (LiDAR only).
    """

    classes: tuple[str, ...]
    point_cloud_range: tuple[float, ...]
    image_size: tuple[int, int] | None


class FusionDataset(Dataset):
    """One split: points, image, boxes and calibration of each frame.

    Items are ``{"inputs": {"points", "img"}, "data_samples"}``: points (n, 4) float32 in the augmented LiDAR
    frame, img (N, 3, H, W) float32 RGB 0..255 of N cameras, and a ``Det3DDataSample`` whose metainfo holds
    ``lidar2img, cam2img, lidar2cam, cam2lidar, img_aug_matrix`` (N, 4, 4) and ``lidar_aug_matrix`` (4, 4),
    float32. Calibration is that of the raw frame. ``eval_ann_info`` holds the raw labels, untouched by
    augmentation; ``frame_name`` names the frame in its data set.

    Args:
        files: where the split lies.
        view: what the model looks at.
        augmentation: given for training, where points are shuffled as well; None for evaluation.
        repeat_time: how often an epoch goes through the frames, each time with other random draws.
        sampling_epochs: first epochs during which objects of other frames are put in, as
            ``augmentation.object_sampling`` says.
        seed: with epoch and index, fixes every random draw.

    Raises:
        DataError: the info file, or its object database where that is needed, cannot be used, or does not
            know one of the classes or cameras.
    """

    def __init__(
        self,
        files: SplitFiles,
        view: ModelView,
        *,
        augmentation: AugmentationSpec | None = None,
        repeat_time: int = 1,
        sampling_epochs: int = 0,
        seed: int = 0,
    ) -> None:
        self.infos = read_infos(files.ann_file)
        self.points_dir = self.infos.points_dir(files.root_dir, files.pts_prefix)
        self.images_dir = files.root_dir / files.img_prefix
        self.cameras = files.choose_cameras(self.infos)
        self.box_type = BOX_TYPES[CONVENTIONS[self.infos.dataset_type].angles]
        self.image_size = view.image_size
        self.point_cloud_range = np.asarray(view.point_cloud_range, dtype=np.float32)
        self.augmentation = augmentation
        self.repeat_time = repeat_time
        self.seed = seed
        self.metainfo = {"classes": view.classes}
        self._label_of = self._map_labels(view.classes)
        self._sampling_epochs = sampling_epochs
        self._sampler = self._open_sampler() if sampling_epochs else None
        self._epoch = torch.zeros((), dtype=torch.int64)

    def __len__(self) -> int:
        return len(self.infos.frames) * self.repeat_time

    def set_epoch(self, epoch: int) -> None:
        """Give the following items the random draws of this epoch (counted from 0)."""
        # In shared memory, so that workers that outlive an epoch see it change; not before now, since the
        # runner copies the data set, and a copy is not shared.
        self._epoch.share_memory_().fill_(epoch)

    def __getitem__(self, index: int) -> dict[str, Any]:
        frame = self.infos.frames[index % len(self.infos.frames)]
        cameras = [frame.cameras[key] for key in self.cameras]
        rng = np.random.default_rng((self.seed, int(self._epoch), index))
        lidar_change = (
            LidarTransform.sample(self.augmentation, rng) if self.augmentation else LidarTransform()
        )
        scene = self._load_scene(frame, cameras, index)
        points = self._vary_points(scene.points, lidar_change, rng)
        inputs = {"points": torch.from_numpy(points)}
        metainfo = self._metainfo(frame, cameras)
        metainfo["lidar_aug_matrix"] = lidar_change.matrix.astype(np.float32)
        if self.image_size is not None:
            changes = [self._image_change(camera, self.image_size, rng) for camera in cameras]
            images = [change.apply(image) for change, image in zip(changes, scene.images, strict=True)]
            inputs["img"] = torch.stack([_to_tensor(pixels) for pixels in images])
            metainfo["img_aug_matrix"] = _stack([change.matrix for change in changes])

        sample = Det3DDataSample(metainfo=metainfo)
        sample.gt_instances_3d = self._targets(scene, lidar_change)
        sample.eval_ann_info = frame.annotations
        return {"inputs": inputs, "data_samples": sample}

    def _map_labels(self, classes: Sequence[str]) -> NDArray[np.int64]:
        known = self.infos.classes
        if missing := [name for name in classes if name not in known]:
            message = f"classes {missing} are not in the info file, which has {list(known)}"
            raise DataError(
                message, where=str(self.infos.path), hint="change dataset.classes, or convert again"
            )
        return np.array(
            [list(classes).index(name) if name in classes else -1 for name in known], dtype=np.int64
        )

    def _open_sampler(self) -> ObjectSampler | None:
        if self.augmentation is None or not self.augmentation.object_sampling.probability:
            return None
        objects = [
            stored for stored in read_objects(self.infos.path) if self._is_target(stored.box, stored.label)
        ]
        cameras = () if self.image_size is None else self.cameras
        return ObjectSampler(objects, self.augmentation.object_sampling, cameras=cameras)

    def _load_scene(self, frame: Frame, cameras: Sequence[Camera], index: int) -> Scene:
        points = load_points(locate(self.points_dir, frame.lidar_path), num_features=frame.num_features)
        paths = [] if self.image_size is None else [camera.img_path for camera in cameras]
        images = tuple(load_image(locate(self.images_dir, path)) for path in paths)
        scene, epoch = Scene(points, frame.boxes_lidar, frame.labels, images), int(self._epoch)
        if self._sampler is None or epoch >= self._sampling_epochs:
            return scene
        # Draws of its own: with and without pasted objects a scene is mirrored and turned the same.
        rng = np.random.default_rng((self.seed, epoch, index, 1))
        return self._sampler.fill(scene, rng, obstacles=find_obstacles(frame), cameras=cameras)

    def _vary_points(
        self, raw: NDArray[np.float32], change: LidarTransform, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        points = change.apply_to_points(raw)
        low, high = self.point_cloud_range[:3], self.point_cloud_range[3:]
        points = points[((points[:, :3] >= low) & (points[:, :3] < high)).all(axis=1)]
        return rng.permutation(points) if self.augmentation else points

    def _image_change(
        self, camera: Camera, target_hw: tuple[int, int], rng: np.random.Generator
    ) -> ImageTransform:
        source_hw = camera.height, camera.width
        if self.augmentation is None:
            return ImageTransform.fit(source_hw, target_hw)
        return ImageTransform.sample(source_hw, target_hw, ranges=self.augmentation, rng=rng)

    def _targets(self, scene: Scene, change: LidarTransform) -> InstanceData:
        boxes = change.apply_to_boxes(scene.boxes)
        keep = self._is_target(boxes, scene.labels)
        tensor = torch.from_numpy(boxes[keep].astype(np.float32))
        return InstanceData(
            bboxes_3d=self.box_type(tensor, box_dim=boxes.shape[1]),
            labels_3d=torch.from_numpy(self._label_of[scene.labels[keep]]),
        )

    def _is_target(self, boxes: FloatArray, labels: NDArray[np.int64] | int) -> NDArray[np.bool_]:
        low, high = self.point_cloud_range[:2], self.point_cloud_range[3:5]
        is_within = ((boxes[..., :2] >= low) & (boxes[..., :2] < high)).all(axis=-1)
        return np.asarray(is_within & (self._label_of[labels] >= 0))

    def _metainfo(self, frame: Frame, cameras: Sequence[Camera]) -> dict[str, Any]:
        main = cameras[0]
        return {
            "lidar2img": _stack([camera.lidar2img for camera in cameras]),
            "cam2img": _stack([camera.cam2img for camera in cameras]),
            "lidar2cam": _stack([camera.lidar2cam for camera in cameras]),
            "cam2lidar": _stack([_cam2lidar(camera) for camera in cameras]),
            "img_aug_matrix": _stack([np.eye(4) for _ in cameras]),
            "sample_idx": frame.sample_idx,
            "frame_name": frame.name,
            "ori_shape": (main.height, main.width),
            "lidar_path": str(locate(self.points_dir, frame.lidar_path)),
            "img_path": str(locate(self.images_dir, main.img_path)),
            "box_type_3d": self.box_type,
            "box_mode_3d": Box3DMode.LIDAR,
        }


def _to_tensor(pixels: NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32))


def _cam2lidar(camera: Camera) -> NDArray[np.float64]:
    # KITTI's projection holds the offset of the colour camera in its fourth column. Rays start from that
    # camera, so the way back must undo the whole projection, not the rotation and the intrinsics alone.
    intrinsics = np.eye(4)
    intrinsics[:3, :3] = camera.cam2img[:3, :3]
    return np.linalg.inv(camera.lidar2img) @ intrinsics


def _stack(matrices: Sequence[NDArray[np.float64]]) -> NDArray[np.float32]:
    return np.stack(matrices).astype(np.float32)


def open_split(spec: ExperimentSpec, part: SplitSpec, *, augment: bool) -> FusionDataset:
    """Open one part of the data set the way a spec describes it.

    Args:
        spec: complete and derived.
        part: one of ``spec.dataset.{train,val,test}_dataset``.
        augment: vary the frames as ``dataset.augmentation`` says.

    Raises:
        DataError: no info file is named, or it cannot be used.
    """
    height, width = spec.model.view_transform.image_size
    view = ModelView(
        classes=spec.dataset.classes,
        point_cloud_range=spec.model.point_cloud_range,
        image_size=(height, width) if spec.input_modality.use_camera else None,
    )
    return FusionDataset(
        split_files(spec, part),
        view,
        augmentation=spec.dataset.augmentation if augment else None,
        repeat_time=part.repeat_time or 1,
        sampling_epochs=_sampling_epochs(spec) if augment else 0,
        seed=spec.train.seed if spec.train.seed >= 0 else secrets.randbits(31),
    )


def _sampling_epochs(spec: ExperimentSpec) -> int:
    epochs, sampling = spec.train.num_epochs, spec.dataset.augmentation.object_sampling
    return epochs - round(epochs * sampling.off_fraction)
