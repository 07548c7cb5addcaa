"""How large a detector is, and how much memory its test took."""

from __future__ import annotations

import resource
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

__all__ = ["Size", "measure_size"]


@dataclass(frozen=True)
class Size:
    """What a detector occupies.

    Attributes:
        parameters: numbers that were learned.
        parameters_of: the same by part of the model.
        checkpoint_bytes: the file, which may hold the optimizer's state as well.
        peak_memory_bytes: most that was taken at once: on the GPU if there is one, else by the process.
        device: where.
    """

    parameters: int
    parameters_of: dict[str, int]
    checkpoint_bytes: int
    peak_memory_bytes: int
    device: str


def measure_size(model: nn.Module, checkpoint: Path) -> Size:
    """Measure a model after it was tested; ``checkpoint`` is the file that it was loaded from."""
    parts = {name: _count(part) for name, part in model.named_children()}
    device = next(model.parameters()).device
    # ru_maxrss counts KiB
    peak = (
        torch.cuda.max_memory_allocated(device)
        if device.type == "cuda"
        else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    )
    return Size(
        parameters=_count(model),
        parameters_of={name: count for name, count in parts.items() if count},
        checkpoint_bytes=checkpoint.stat().st_size,
        peak_memory_bytes=peak,
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
    )


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
