"""Tensor operations that the detector needs and that run without a compiler, on the CPU and on CUDA."""

from __future__ import annotations

from bevfusion.ops.mmcv_ext import OpUnavailableError, register_mmcv_ops
from bevfusion.ops.sparse import repair_cpu_spconv

__all__ = ["OpUnavailableError", "register_mmcv_ops", "repair_cpu_spconv"]
