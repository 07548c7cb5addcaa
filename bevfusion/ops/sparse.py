"""Sparse convolution (spconv 2.3) on the CPU, where two of its parts need help."""

from __future__ import annotations

import sys
from typing import Any

import torch

__all__ = ["repair_cpu_spconv"]


def repair_cpu_spconv() -> None:
    """Make spconv's layers right and trainable on the CPU; call it before the first forward pass.

    - Every backward pass asks CUDA for its stream, which fails without CUDA although the CPU kernels are
      complete. Each module of spconv holds that getter under its own name, so each gets one that answers 0.
    - The CPU kernel that adds rows loses some of them when it runs on more than one thread (seen in 5 of 100
      calls on two threads). With several threads torch adds the rows.

    Calling this twice changes nothing, and CUDA tensors never come here.
    """
    import spconv.pytorch.cppcore as core  # noqa: PLC0415 - seconds of import that only this function needs
    from spconv.pytorch import ops  # noqa: PLC0415

    original = core.get_current_stream
    for name, module in list(sys.modules.items()):
        if name.startswith("spconv.") and getattr(module, "get_current_stream", None) is original:
            module.get_current_stream = _current_stream  # type: ignore[attr-defined]
    if not hasattr(ops.SpconvOps, "is_repaired"):
        ops.SpconvOps = _with_safe_scatter(ops.SpconvOps)


def _current_stream() -> int:
    """Handle of the CUDA stream, or 0 where there is none: CPU kernels never look at it."""
    return torch.cuda.current_stream().cuda_stream if torch.cuda.is_available() else 0


def _with_safe_scatter(kernels: type) -> type:
    class SafeOps(kernels):
        is_repaired = True

        @staticmethod
        def scatter_add_cpu(total: Any, rows: Any, indices: Any) -> None:
            if torch.get_num_threads() == 1:
                kernels.scatter_add_cpu(total, rows, indices)  # type: ignore[attr-defined]
                return
            index = torch.from_numpy(indices.numpy_view())
            added = torch.from_numpy(rows.numpy_view())[: len(index)]
            torch.from_numpy(total.numpy_view()).index_add_(0, index, added)

    return SafeOps
