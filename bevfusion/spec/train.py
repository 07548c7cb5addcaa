"""How weights are fitted: optimizer, schedule, length, processes and bookkeeping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bevfusion.spec.leaf import block, leaf

__all__ = ["ClipGradSpec", "CudnnSpec", "OptimizerSpec", "ScheduleSpec", "SentinelSpec", "TrainSpec"]


@dataclass(frozen=True)
class CudnnSpec:
    """Speed against repeatability of CUDA convolutions."""

    benchmark: bool = leaf(False, "Try several convolution algorithms and keep the fastest.")
    deterministic: bool = leaf(True, "Only algorithms that repeat bit for bit.")


@dataclass(frozen=True)
class ClipGradSpec:
    """Upper limit of the gradient norm."""

    max_norm: float = leaf(
        35.0, "Gradients longer than this are shortened to it.", low=0.1, high=200.0, automl=True, log=True
    )
    norm_type: float = leaf(2.0, "Order of the norm.", low=1.0, high=10.0)


@dataclass(frozen=True)
class OptimizerSpec:
    """The gradient method."""

    type: str = leaf("AdamW", "Method.", choices=("AdamW",))
    lr: float = leaf(
        2e-4,
        "Peak learning rate. The strongest single influence on AP11.",
        low=1e-6,
        high=0.1,
        automl=True,
        log=True,
        math_cond="> 0.0",
        popular=True,
    )
    weight_decay: float = leaf(
        0.01,
        "Decoupled weight decay (Loshchilov and Hutter, 2019).",
        low=1e-6,
        high=0.5,
        automl=True,
        log=True,
        math_cond="> 0.0",
    )
    betas: tuple[float, ...] = leaf(
        (0.9, 0.999), "Decay of the two moments.", low=0.0, high=0.99999, length=2, automl=False
    )
    clip_grad: ClipGradSpec = block(ClipGradSpec, "Limit of the gradient norm.")
    wrapper_type: str = leaf(
        "OptimWrapper",
        "AmpOptimWrapper trains in mixed precision.",
        choices=("OptimWrapper", "AmpOptimWrapper"),
    )
    amp_dtype: str = leaf(
        "bfloat16",
        "Numbers of mixed precision. bfloat16 cannot overflow and also works on the CPU; float16 needs a GPU"
        " and scales its losses.",
        choices=("bfloat16", "float16"),
    )
    lr_batch_size: int | None = leaf(
        None,
        "Frames of an update that lr is meant for: with another number (batch size x processes x"
        " accumulation) the rate changes in proportion (Goyal et al., 2017). null takes lr as it stands.",
        low=1,
        high=65536,
    )


@dataclass(frozen=True)
class ScheduleSpec:
    """The learning rate over a whole training, as fractions of it: it stays in shape when epochs change."""

    warmup_fraction: float = leaf(
        0.05, "Part of the training over which the rate rises to its peak.", low=0.0, high=0.5, automl=True
    )
    warmup_start_factor: float = leaf(
        0.33333333, "Rate of the first step, as a part of the peak.", low=1e-4, high=1.0
    )
    eta_min_ratio: float = leaf(
        1e-4, "Rate of the last step, as a part of the peak.", low=1e-5, high=0.5, automl=True, log=True
    )
    momentum_cycle: bool = leaf(True, "Whether the first beta falls and returns as the rate rises and falls.")
    momentum_turn_fraction: float = leaf(
        0.24, "Part of the training after which the first beta is least.", low=0.01, high=0.99
    )
    momentum_ratio: float = leaf(0.8947, "Least first beta, as a part of its start value.", low=0.1, high=1.0)


@dataclass(frozen=True)
class SentinelSpec:
    """When a training is given up (exit code 5). A loss or gradient that is not finite always ends it."""

    max_grad_norm: float | None = leaf(
        None,
        "Gradient norm, before clipping, that counts as exploded; null: none that is finite does.",
        low=1.0,
        high=1e12,
        log=True,
    )
    patience: int = leaf(
        25,
        "Exploded updates in a row that end the training. float16 overflows now and then and skips the"
        " update; so many in a row are a divergence.",
        low=1,
        high=10000,
    )
    collapse_ratio: float = leaf(
        0.1,
        "The training has collapsed when the overlap of matched boxes falls under this part of the best it"
        " has had; 0 never says so.",
        low=0.0,
        high=0.9,
    )
    window: int = leaf(50, "Steps over which the overlap is averaged.", low=1, high=100000)


@dataclass(frozen=True)
class TrainSpec:
    """One training."""

    num_gpus: int = leaf(
        1, "Processes per node; on a machine without GPU they run on the CPU.", low=1, high=64, popular=True
    )
    gpu_ids: tuple[int, ...] = leaf((0,), "GPUs of this node, one per process.", low=0, high=63, automl=False)
    num_nodes: int = leaf(1, "Nodes.", low=1, high=1024, popular=True)
    seed: int = leaf(1234, "Seed of all randomness; -1 takes a new one each time.", low=-1, high=2**31 - 1)
    cudnn: CudnnSpec = block(CudnnSpec, "CUDA convolutions.", automl=False)
    num_epochs: int = leaf(10, "Length of the training.", low=1, high=10000, popular=True)
    checkpoint_interval: int = leaf(1, "Epochs between checkpoints.", low=1, high=10000, popular=True)
    validation_interval: int = leaf(1, "Epochs between validations.", low=1, high=10000, popular=True)
    resume_training_checkpoint_path: str | None = leaf(
        None, "Checkpoint to go on from, with optimizer and schedule."
    )
    results_dir: str = leaf("", "Folder of the results; empty means the top-level results_dir.")
    logging_interval: int = leaf(1, "Steps between log lines.", low=1, high=100000)
    resume: bool = leaf(False, "Go on from the newest checkpoint of the results folder, if there is one.")
    pretrained_checkpoint: str | None = leaf(
        None,
        "Checkpoint whose weights the training starts from: ours, mmdet3d's, TAO's or MIT's; a LiDAR-only one"
        " may start a fused model.",
    )
    pretrained_min_matched: float = leaf(
        0.5,
        "Least part of the tensors of pretrained weights, or of those of the model if these are fewer, that"
        " must fit.",
        low=0.0,
        high=1.0,
    )
    norm_momentum: float | None = leaf(
        None,
        "Least momentum of every batch norm; null takes 20 / (steps of the training). A norm_cfg that says"
        " more is kept. The default of 0.01 remembers some hundred steps, so in a short training the running"
        " averages lag behind the weights: it would score near zero though it has learned, and early stopping"
        " would be blind.",
        low=0.001,
        high=1.0,
        log=True,
    )
    freeze_norm: bool = leaf(
        False,
        "Batch norms keep the averages they start with: for fine-tuning with few frames per process.",
    )
    sync_norm: bool = leaf(
        True,
        "Batch norms see the frames of all processes at once. On the CPU their averages are joined after each"
        " epoch instead.",
    )
    accumulation: int = leaf(
        1,
        "Steps whose gradients are averaged for one update; the last update of an epoch may have fewer.",
        low=1,
        high=256,
    )
    ema_momentum: float | None = leaf(
        None,
        "Weight of the newest step in a running average of all weights, which is then what is validated and"
        " kept; null keeps no average.",
        low=1e-5,
        high=0.5,
        log=True,
    )
    memory_probe: bool = leaf(
        False, "Two steps with the largest frames first: too little memory shows in seconds."
    )
    sentinel: SentinelSpec = block(SentinelSpec, "When a training is given up.", automl=False)
    optimizer: OptimizerSpec = block(OptimizerSpec, "Gradient method.")
    schedule: ScheduleSpec = block(ScheduleSpec, "Learning rate over the training.")
    lr_scheduler: tuple[Mapping[str, Any], ...] | None = leaf(
        None,
        "mmengine parameter schedulers, used as they stand; null derives them from train.schedule and"
        " train.num_epochs.",
        automl=False,
    )
