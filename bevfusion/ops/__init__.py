"""Tensor operations that the detector needs and that run without a compiler, on the CPU and on CUDA."""

from __future__ import annotations

from bevfusion.ops.mmcv_ext import OpUnavailableError, register_mmcv_ops
from bevfusion.ops.sparse import allow_cpu_backward

__all__ = ["OpUnavailableError", "allow_cpu_backward", "register_mmcv_ops"]
