"""The operators of the detector, run on ten points on the device that it would run on, with their results."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from bevfusion.doctor.check import Check, WrongResultError, attempt

if TYPE_CHECKING:
    import torch

__all__ = ["check_operators"]

_TOLERANCE = 1e-4
_GRID = 4


def check_operators() -> Iterator[Check]:
    """Voxels, sparse convolution with its gradient, pooling, rotated overlap and suppression."""
    spconv = "pip install spconv-cu12x for your CUDA (nvidia-smi tells it), spconv on a machine without GPU"
    again = "reinstall torch: its kernels do not fit this device"
    yield attempt("voxels", _voxelize, remedy=again)
    yield attempt("sparse convolution", _convolve, remedy=spconv)
    yield attempt("bird's-eye pooling", _pool, remedy=again)
    yield attempt("rotated overlap", _overlap, remedy="reinstall numpy")
    yield attempt("suppression", _suppress, remedy="reinstall numpy")


def _points() -> torch.Tensor:
    """Ten points (10, 4) in ten different cells of a grid of 4 x 4 x 4."""
    import torch  # noqa: PLC0415 - a doctor must start where torch does not

    device = "cuda" if torch.cuda.is_available() else "cpu"
    cell = torch.arange(0, 60, 6)
    corners = torch.stack([cell // 16, cell // 4 % 4, cell % 4, cell], dim=1)
    return (corners.float() + 0.25).to(device)


def _voxelize() -> str:
    from bevfusion.ops.voxel import VoxelGrid, voxelize_mean  # noqa: PLC0415

    points = _points()
    grid = VoxelGrid.from_range([0, 0, 0, _GRID, _GRID, _GRID], [1, 1, 1], max_points=5)
    features, coordinates, counts = voxelize_mean([points, points[:5]], grid, max_voxels=8)
    _expect("number of voxels", len(coordinates), 8 + 5)
    _expect("points in them", int(counts.sum()), 8 + 5)
    _expect("sum of their features", features.sum().item(), (points[:8].sum() + points[:5].sum()).item())
    return f"right on {points.device}"


def _convolve() -> str:
    """Compare with a dense convolution, which computes the same on the occupied cells."""
    import spconv.pytorch as spconv  # noqa: PLC0415
    import torch  # noqa: PLC0415

    from bevfusion.ops import repair_cpu_spconv  # noqa: PLC0415

    repair_cpu_spconv()
    points = _points()
    cell = points[:, :3].floor().int()
    indices = torch.cat([torch.zeros_like(cell[:, :1]), cell], dim=1)
    layer = spconv.SubMConv3d(4, 3, 3, padding=1, bias=False).to(points.device)
    ours = layer(spconv.SparseConvTensor(points, indices, [_GRID] * 3, 1)).features
    ours.square().sum().backward()
    dense = points.new_zeros(1, 4, _GRID, _GRID, _GRID)
    x, y, z = cell.long().unbind(1)
    dense[0, :, x, y, z] = points.T
    weight = layer.weight.detach().permute(0, 4, 1, 2, 3).clone().requires_grad_()
    theirs = torch.nn.functional.conv3d(dense, weight, padding=1)[0, :, x, y, z].T
    theirs.square().sum().backward()
    _expect("largest difference to a dense convolution", _difference(ours, theirs), 0.0)
    gradient = layer.weight.grad.permute(0, 4, 1, 2, 3)
    _expect("largest difference of the gradient", _difference(gradient, weight.grad), 0.0)
    return f"forward and backward right on {points.device}"


def _pool() -> str:
    import torch  # noqa: PLC0415

    from bevfusion.ops.bev_pool import pool_to_cells  # noqa: PLC0415

    context = _points().requires_grad_()
    depth = torch.full((10, 2), 0.5, device=context.device)
    cell = torch.arange(20, device=context.device).view(10, 2) % 7
    cell[0, 0] = -1  # outside
    pooled = pool_to_cells(depth, context, cell, num_cells=7)
    pooled.sum().backward()
    _expect("sum", pooled.sum().item(), (context.sum() - 0.5 * context[0].sum()).item())
    _expect("sum of the gradient", context.grad.sum().item(), 9.5 * 4)
    return f"forward and backward right on {context.device}"


def _overlap() -> str:
    from bevfusion.geometry.rotated_iou import iou_bev  # noqa: PLC0415

    square, turned = [0.0, 0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 1.0, 1.0, math.pi / 4]
    found = iou_bev([square], [square, turned])[0]
    _expect("overlap of a square with itself", float(found[0]), 1.0)
    _expect("overlap of a square with itself turned by 45 degrees", float(found[1]), math.sqrt(0.5))
    return "right, also for identical boxes"


def _suppress() -> str:
    from bevfusion.geometry.rotated_iou import iou_bev  # noqa: PLC0415
    from bevfusion.ops.suppression import keep_best  # noqa: PLC0415

    pairs = [[2.0 * (index // 2) + 0.1 * (index % 2), 0.0, 0.8, 0.6, 0.0] for index in range(10)]
    kept = keep_best(iou_bev(pairs, pairs) > 0.5, range(10))
    _expect("boxes kept of five pairs", len(kept), 5)
    _expect("sum of their places", sum(kept), 0 + 2 + 4 + 6 + 8)
    return "right"


def _difference(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).detach().abs().max() / b.detach().abs().max())


def _expect(what: str, found: float, wanted: float) -> None:
    if not abs(found - wanted) <= _TOLERANCE * max(1.0, abs(wanted)):
        raise WrongResultError(f"{what} is {found:g}, {wanted:g} is right")
