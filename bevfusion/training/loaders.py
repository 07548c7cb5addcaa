"""Parts of a data set as mmengine's Runner loads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bevfusion.data.dataset import FusionDataset
from bevfusion.data.transforms import Augmentation
from bevfusion.spec import ExperimentSpec
from bevfusion.spec.dataset import AugmentationSpec, SplitSpec

__all__ = ["evaluation_loader", "training_loader"]


def training_loader(spec: ExperimentSpec) -> dict[str, Any]:
    """The training part: shuffled by seed and epoch, augmented."""
    part = spec.dataset.train_dataset
    return _loader(part, _dataset(spec, part, augmentation=_augmentation(spec.dataset.augmentation)), shuffle=True)


def evaluation_loader(spec: ExperimentSpec, part: SplitSpec) -> dict[str, Any]:
    """A part that is only measured: every frame once, in order, as it was recorded."""
    return _loader(part, _dataset(spec, part, augmentation=None), shuffle=False)


def _dataset(spec: ExperimentSpec, part: SplitSpec, *, augmentation: Augmentation | None) -> FusionDataset:
    height_px, width_px = spec.model.view_transform.image_size
    return FusionDataset(
        Path(part.ann_file or ""),
        Path(spec.dataset.root_dir),
        pts_prefix=part.data_prefix.pts,
        img_prefix=part.data_prefix.img,
        classes=spec.dataset.classes,
        point_cloud_range=spec.model.point_cloud_range,
        image_size=(height_px, width_px) if spec.input_modality.use_camera else None,
        camera=spec.dataset.default_cam_key,
        augmentation=augmentation,
        seed=spec.train.seed,
    )


def _loader(part: SplitSpec, dataset: FusionDataset, *, shuffle: bool) -> dict[str, Any]:
    return {
        "dataset": dataset,
        "batch_size": part.batch_size,
        "num_workers": part.num_workers,
        "persistent_workers": part.num_workers > 0,
        "pin_memory": part.pin_memory,
        "sampler": {"type": "DefaultSampler", "shuffle": shuffle},
        "collate_fn": {"type": "pseudo_collate"},
    }


def _augmentation(strength: AugmentationSpec) -> Augmentation:
    def around(middle: float, half: float) -> tuple[float, float]:
        return middle - half, middle + half

    return Augmentation(
        flip_probability=strength.flip_probability,
        rotation_rad=around(0.0, strength.rotation_rad),
        scale=around(1.0, strength.scale),
        translation_m=(strength.translation_m,) * 3,
        image_resize=around(1.0, strength.image_resize),
        image_rotation_deg=around(0.0, strength.image_rotation_deg),
        image_flip=strength.image_flip,
    )
