"""Parts of a data set as mmengine's Runner loads them."""

from __future__ import annotations

from typing import Any

import torch

from bevfusion.data.dataset import FusionDataset, open_split
from bevfusion.spec import ExperimentSpec
from bevfusion.spec.dataset import SplitSpec

__all__ = ["evaluation_loader", "training_loader"]


def training_loader(spec: ExperimentSpec) -> dict[str, Any]:
    """The training part: shuffled by seed and epoch, augmented."""
    part = spec.dataset.train_dataset
    return _loader(part, open_split(spec, part, augment=True), shuffle=True)


def evaluation_loader(spec: ExperimentSpec, part: SplitSpec) -> dict[str, Any]:
    """A part that is only measured: every frame once, in order, as it was recorded."""
    return _loader(part, open_split(spec, part, augment=False), shuffle=False)


def _loader(part: SplitSpec, dataset: FusionDataset, *, shuffle: bool) -> dict[str, Any]:
    # Workers that live on are seeded once, when a training starts or goes on: from a source of their own, or
    # the epoch that starts them would draw other dropout than the same epoch of an uninterrupted training.
    own_source = {"generator": torch.Generator()} if part.num_workers else {}
    return {
        **own_source,
        "dataset": dataset,
        "batch_size": part.batch_size,
        "num_workers": part.num_workers,
        "persistent_workers": part.num_workers > 0,
        "pin_memory": part.pin_memory,
        "sampler": {"type": "DefaultSampler", "shuffle": shuffle},
        "collate_fn": {"type": "pseudo_collate"},
    }
