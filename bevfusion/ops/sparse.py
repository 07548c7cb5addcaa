"""Sparse convolution (spconv 2) on machines without CUDA."""

from __future__ import annotations

import sys

import torch

__all__ = ["allow_cpu_backward"]


def _current_stream() -> int:
    """Handle of the CUDA stream, or 0 where there is none: CPU kernels never look at it."""
    return torch.cuda.current_stream().cuda_stream if torch.cuda.is_available() else 0


def allow_cpu_backward() -> None:
    """Let gradients flow through spconv layers on the CPU; call it before the first backward.

    spconv asks CUDA for its stream in every backward, which fails without CUDA although the CPU kernels
    are complete. Each of its modules holds that getter under its own name, so each gets the lenient one.
    Calling this twice, or with CUDA present, changes nothing.
    """
    import spconv.pytorch.cppcore as core  # noqa: PLC0415 - seconds of import that only this function needs
    import spconv.pytorch.ops  # noqa: F401, PLC0415

    original = core.get_current_stream
    for name, module in list(sys.modules.items()):
        if name.startswith("spconv.") and getattr(module, "get_current_stream", None) is original:
            module.get_current_stream = _current_stream  # type: ignore[attr-defined]
