"""Lift-splat pooling (Philion and Fidler 2020) without the frustum of depths × channels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["pool_to_cells"]


def pool_to_cells(depth: Tensor, context: Tensor, cell: Tensor, *, num_cells: int) -> Tensor:
    """Sum every pixel's context into the cells that its ray crosses, weighted by the depth distribution.

    This is the product of a sparse (cells × pixels) matrix of depth weights with the (pixels × channels)
    context: memory grows with depths + channels, not with their product. Gradients reach both factors.

    Args:
        depth: (P, D) float weight of each depth bin of each pixel.
        context: (P, C) float feature of each pixel.
        cell: (P, D) int64 cell of each frustum point; a negative number drops the point.
        num_cells: number of cells, more than any entry of ``cell``.

    Returns:
        (num_cells, C) float32 sums; cells that no ray crosses are 0.
    """
    with torch.no_grad():
        kept = (cell >= 0).flatten().nonzero().squeeze(1)
        sorted_cell, order = torch.sort(cell.flatten()[kept])
        kept = kept[order]
        pixel = torch.div(kept, cell.shape[1], rounding_mode="floor")
        edges = torch.arange(num_cells + 1, device=cell.device)
        offsets = torch.searchsorted(sorted_cell, edges)
    with torch.autocast(context.device.type, enabled=False):
        return functional.embedding_bag(
            pixel,
            context.float(),
            offsets,
            mode="sum",
            per_sample_weights=depth.float().flatten()[kept],
            include_last_offset=True,
        )
