"""Several processes that train one model: how they meet, and what they hold in common."""

from __future__ import annotations

import os
from typing import Any

import torch
import torch.distributed

from bevfusion.errors import SpecError
from bevfusion.spec import ExperimentSpec

__all__ = ["join_group", "parallel_config"]


def join_group() -> None:
    """Meet the other processes of the job that torchrun started; alone, do nothing. Safe to call twice.

    GPUs talk through NCCL, CPUs through gloo.

    Raises:
        SpecError: more processes than GPUs.
    """
    if "LOCAL_RANK" not in os.environ or torch.distributed.is_initialized():
        return
    if not torch.cuda.is_available():
        torch.distributed.init_process_group("gloo")
        return
    device, found = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if device >= found:
        raise SpecError(
            f"process {device + 1} of this node finds no GPU, there are {found}",
            where="train.num_gpus",
            hint=f"start at most {found} processes a node, or make more GPUs visible",
        )
    torch.cuda.set_device(device)
    torch.distributed.init_process_group("nccl")


def parallel_config(spec: ExperimentSpec) -> dict[str, Any]:
    """Keys of mmengine's config that say how a model is spread over processes."""
    head = spec.model.bbox_head
    synchronise = spec.train.sync_norm and torch.cuda.is_available()  # torch has no such layer for the CPU
    return {
        "sync_bn": "torch" if synchronise else None,
        # Only the last layer of a decoder has losses then: heads of the others get no gradient.
        "find_unused_parameters": head.num_decoder_layers > 1 and not head.auxiliary,
    }
