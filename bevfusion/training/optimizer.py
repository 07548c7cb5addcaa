"""How gradients become updates: precision, accumulation, the learning rate and its schedule."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.dist import get_world_size
from mmengine.optim import AmpOptimWrapper, OptimWrapper
from torch import Tensor, nn

from bevfusion.errors import SpecError
from bevfusion.spec import ExperimentSpec
from bevfusion.spec.train import OptimizerSpec

__all__ = ["optim_wrapper", "param_schedulers"]

_log = logging.getLogger(__name__)


class _LazyNorm:
    """Keeps the gradient's norm on its device; mmengine would wait for the device after every update.

    Attributes:
        grad_norm: norm before clipping of the last update, until somebody takes it away.
    """

    grad_norm: Tensor | None = None
    optimizer: torch.optim.Optimizer
    clip_grad_kwargs: dict[str, Any]

    def _clip_grad(self) -> None:
        groups = self.optimizer.param_groups
        parameters = [one for group in groups for one in group["params"] if one.grad is not None]
        self.grad_norm = nn.utils.clip_grad_norm_(parameters, **self.clip_grad_kwargs)


class _Float32OptimWrapper(_LazyNorm, OptimWrapper):
    """Full precision."""


class _Bfloat16OptimWrapper(_LazyNorm, OptimWrapper):
    """Mixed precision on any device; bfloat16 has the range of float32, so losses need no scale."""

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """The forward pass in mixed precision."""
        with super().optim_context(model), torch.autocast(get_device(), torch.bfloat16):
            yield


class _Float16OptimWrapper(_LazyNorm, AmpOptimWrapper):
    """Mixed precision with scaled losses; an update that overflows is skipped."""


def optim_wrapper(spec: ExperimentSpec) -> dict[str, Any]:
    """What mmengine's Runner builds the optimizer from.

    Raises:
        SpecError: a precision that the device does not have.
    """
    optimizer, clip = spec.train.optimizer, spec.train.optimizer.clip_grad
    wrapper = _wrapper(optimizer)
    return {
        "type": wrapper,
        "optimizer": {
            "type": optimizer.type,
            "lr": _scaled_lr(spec),
            "weight_decay": optimizer.weight_decay,
            "betas": list(optimizer.betas),
        },
        "clip_grad": {"max_norm": clip.max_norm, "norm_type": clip.norm_type},
        "accumulative_counts": spec.train.accumulation,
        **({"dtype": "float16"} if wrapper is _Float16OptimWrapper else {}),
    }


def param_schedulers(spec: ExperimentSpec, *, steps_per_epoch: int) -> list[dict[str, Any]]:
    """The spec's schedulers without those that end before the first step, as a short warm-up may."""
    entries = [dict(entry) for entry in spec.train.lr_scheduler or ()]
    per_unit = [steps_per_epoch if entry.get("convert_to_iter_based") else 1 for entry in entries]
    return [
        entry
        for entry, steps in zip(entries, per_unit, strict=True)
        if "end" not in entry or int(entry["end"] * steps) > int(entry.get("begin", 0) * steps)
    ]


def _wrapper(optimizer: OptimizerSpec) -> type[OptimWrapper]:
    if optimizer.wrapper_type == "OptimWrapper":
        return _Float32OptimWrapper
    if optimizer.amp_dtype == "bfloat16":
        return _Bfloat16OptimWrapper
    if get_device() == "cpu":
        raise SpecError(
            "float16 cannot be trained in on the CPU",
            where="train.optimizer.amp_dtype",
            hint="use bfloat16, or wrapper_type OptimWrapper for full precision",
        )
    return _Float16OptimWrapper


def _scaled_lr(spec: ExperimentSpec) -> float:
    """The peak rate for the number of frames that an update really has."""
    optimizer = spec.train.optimizer
    if optimizer.lr_batch_size is None:
        return optimizer.lr
    frames = spec.dataset.train_dataset.batch_size * get_world_size() * spec.train.accumulation
    scaled = optimizer.lr * frames / optimizer.lr_batch_size
    _log.info(
        "lr %g is meant for %d frames, %d make %g", optimizer.lr, optimizer.lr_batch_size, frames, scaled
    )
    return scaled
