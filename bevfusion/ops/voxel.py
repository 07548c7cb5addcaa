"""Hard voxelisation with the mean of each voxel's points as its feature, deterministic on every device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["VoxelGrid", "voxelize_mean"]


@dataclass(frozen=True)
class VoxelGrid:
    """The box of space that is voxelised, and how finely.

    Attributes:
        min_m: lower corner x, y, z, inclusive.
        size_m: edge lengths of a voxel.
        shape: number of voxels along x, y, z.
        max_points: points of one voxel that are kept, the first ones in the cloud.
    """

    min_m: tuple[float, float, float]
    size_m: tuple[float, float, float]
    shape: tuple[int, int, int]
    max_points: int

    @classmethod
    def from_range(
        cls, point_cloud_range: Sequence[float], voxel_size: Sequence[float], *, max_points: int
    ) -> VoxelGrid:
        """Count the voxels of x0, y0, z0, x1, y1, z1 (m) by rounding, so that 51.2 / 0.2 gives 256."""
        low, high = point_cloud_range[:3], point_cloud_range[3:]
        x, y, z = (round((b - a) / step) for a, b, step in zip(low, high, voxel_size, strict=True))
        return cls(_triple(low), _triple(voxel_size), (x, y, z), max_points)


def _triple(values: Sequence[float]) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z


@torch.no_grad()
def voxelize_mean(
    clouds: Sequence[Tensor], grid: VoxelGrid, *, max_voxels: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Turn a batch of point clouds into the voxels of a sparse tensor.

    Voxels are numbered by the first point that falls into them. Points beyond ``grid.max_points`` of a voxel
    and voxels beyond ``max_voxels`` of a cloud are dropped, later ones first.

    Args:
        clouds: B tensors (n, F) float32; the first three columns are x, y, z in metres.
        grid: what to voxelise.
        max_voxels: limit for each cloud.

    Returns:
        features (V, F) float32 mean of the kept points; coordinates (V, 4) int32 cloud, x, y, z;
        counts (V,) int64 kept points.
    """
    points = torch.cat(list(clouds))
    lengths = torch.tensor([len(cloud) for cloud in clouds])
    cloud = torch.arange(len(clouds)).repeat_interleave(lengths).to(points.device)
    low, size, shape = (points.new_tensor(values) for values in (grid.min_m, grid.size_m, grid.shape))
    cell = torch.floor((points[:, :3] - low) / size)
    inside = ((cell >= 0) & (cell < shape)).all(dim=1)
    points, cloud, cell = points[inside], cloud[inside], cell[inside].long()
    _, y_cells, z_cells = grid.shape
    columns = (cloud * grid.shape[0] + cell[:, 0]) * y_cells + cell[:, 1]
    voxel, rank, first = _number_by_appearance(columns * z_cells + cell[:, 2])
    voxel_cloud = cloud[first]
    before = torch.searchsorted(voxel_cloud, torch.arange(len(clouds), device=points.device))
    kept_voxel = torch.arange(len(first), device=points.device) - before[voxel_cloud] < max_voxels
    kept_point = (rank < grid.max_points) & kept_voxel[voxel]
    counts = torch.bincount(voxel[kept_point], minlength=len(first))
    sums = points.new_zeros(len(first), points.shape[1])
    sums.index_add_(0, voxel[kept_point], points[kept_point])
    first, counts = first[kept_voxel], counts[kept_voxel]
    coordinates = torch.cat([voxel_cloud[kept_voxel, None], cell[first]], dim=1).int()
    return sums[kept_voxel] / counts[:, None], coordinates, counts


def _number_by_appearance(key: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Number equal keys alike, in the order of their first occurrence.

    Returns:
        number (n,) of each key; rank (n,) of each entry among its equals; first (k,) entry of each number.
    """
    ordered, order = torch.sort(key, stable=True)
    starts = torch.ones_like(ordered, dtype=torch.bool)
    starts[1:] = ordered[1:] != ordered[:-1]
    group = starts.cumsum(0) - 1
    start = starts.nonzero().squeeze(1)
    first, appearance = torch.sort(order[start])
    number_of_group = torch.empty_like(appearance)
    number_of_group[appearance] = torch.arange(len(appearance), device=key.device)
    number, rank = torch.empty_like(key), torch.empty_like(key)
    number[order] = number_of_group[group]
    rank[order] = torch.arange(len(key), device=key.device) - start[group]
    return number, rank, first
