"""From image features to a view from above: lift-splat-shoot (Philion and Fidler 2020).

Every pixel of the feature map gets a distribution over depths and a context vector; its ray is cut into depth
bins, and each bin adds its share of the context to the BEV cell that it lies in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bevfusion.errors import SpecError
from bevfusion.model.registry import MODELS
from bevfusion.ops.bev_pool import pool_to_cells

__all__ = ["CameraRig", "DepthLSSTransform", "LSSTransform"]

Bound = Sequence[float]


@dataclass(frozen=True)
class CameraRig:
    """Where the cameras of a batch look, as float64 tensors on the CPU (B samples, N cameras).

    Attributes:
        lidar2img: (B, N, 4, 4) from the raw LiDAR frame (m) to original pixels × depth.
        img2lidar: (B, N, 4, 4) its inverse, from intrinsics and pose.
        img_aug: (B, N, 4, 4) from original pixels to those of the network's input.
        lidar_aug: (B, 4, 4) from the raw to the augmented LiDAR frame.
    """

    lidar2img: Tensor
    img2lidar: Tensor
    img_aug: Tensor
    lidar_aug: Tensor

    @classmethod
    def from_metas(cls, metas: Sequence[Mapping[str, Any]]) -> CameraRig:
        """Collect the matrices of each sample; missing augmentations mean none."""
        lidar2img = _stack([meta["lidar2img"] for meta in metas])
        intrinsics = torch.eye(4, dtype=torch.float64).repeat(*lidar2img.shape[:2], 1, 1)
        intrinsics[..., :3, :3] = _stack([meta["cam2img"] for meta in metas])[..., :3, :3]
        cam2lidar = _stack([meta["cam2lidar"] for meta in metas])
        eyes = np.broadcast_to(np.eye(4), lidar2img.shape[1:])
        return cls(
            lidar2img,
            cam2lidar @ torch.linalg.inv(intrinsics),
            _stack([meta.get("img_aug_matrix", eyes) for meta in metas]),
            _stack([meta.get("lidar_aug_matrix", np.eye(4)) for meta in metas]),
        )


def _stack(matrices: Sequence[Any]) -> Tensor:
    return torch.from_numpy(np.stack([np.asarray(matrix, dtype=np.float64) for matrix in matrices]))


class _LiftSplat(nn.Module):
    """Frustum geometry and pooling that both transforms share.

    Args:
        out_channels: channels of the context and of the BEV map.
        image_size: height, width of the network's input image, pixels.
        feature_size: height, width of the feature map.
        xbound: first, last, step of the BEV map along the LiDAR's x, metres.
        ybound: same along y.
        zbound: same along z; several slices are stacked in the channels.
        dbound: first, last (exclusive), step of the depth bins, metres.
        downsample: 2 halves the BEV map by convolutions, 1 leaves it.
    """

    # mmdet3d truncates, which draws points from outside into the cells of the lower borders.
    number_cell = staticmethod(torch.floor)

    def __init__(  # noqa: PLR0913 - the keys of the model config
        self,
        *,
        out_channels: int,
        image_size: Sequence[int],
        feature_size: Sequence[int],
        xbound: Bound,
        ybound: Bound,
        zbound: Bound,
        dbound: Bound,
        downsample: int = 1,
    ) -> None:
        super().__init__()
        bounds = (xbound, ybound, zbound)
        self.image_size = tuple(image_size)
        self.feature_size = tuple(feature_size)
        self.out_channels = out_channels
        self.register_buffer("dx", torch.tensor([float(step) for _, _, step in bounds]))
        self.register_buffer("bx", torch.tensor([low + step / 2.0 for low, _, step in bounds]))
        self.register_buffer("nx", torch.tensor([round((b - a) / step) for a, b, step in bounds]))
        self.cells = tuple(self.nx.tolist())
        self.register_buffer("frustum", self._make_frustum(dbound))
        self.depth_bins = len(self.frustum)
        self.downsample = _halve(out_channels) if downsample == 2 else nn.Identity()

    def _load_from_state_dict(self, state_dict: Mapping[str, Tensor], prefix: str, *rest: Any) -> None:
        """Load weights and keep the geometry: it follows from the spec, and a checkpoint may have another."""
        own = {prefix + name: getattr(self, name) for name in ("dx", "bx", "nx", "frustum")}
        super()._load_from_state_dict({**state_dict, **own}, prefix, *rest)

    def _make_frustum(self, dbound: Bound) -> Tensor:
        """Input pixel u, v and depth (m) of each frustum point, (D, fH, fW, 3)."""
        (height, width), (rows, columns) = self.image_size, self.feature_size
        depth = torch.arange(*dbound, dtype=torch.float32)
        v = torch.linspace(0, height - 1, rows)
        u = torch.linspace(0, width - 1, columns)
        d, v, u = torch.meshgrid(depth, v, u, indexing="ij")
        return torch.stack([u, v, d], dim=-1)

    def frustum_in_lidar(self, rig: CameraRig) -> Tensor:
        """Frustum points in the augmented LiDAR frame.

        Returns:
            (B, N, D, fH, fW, 3) float32 metres.
        """
        uv = torch.ones(*self.feature_size, 3, dtype=torch.float64)
        uv[..., :2] = self.frustum[0, ..., :2].double().cpu()
        undo = torch.linalg.inv(_affine_2d(rig.img_aug))
        to_lidar = rig.lidar_aug[:, None] @ rig.img2lidar
        rays = torch.einsum("bnij,hwj->bnhwi", to_lidar[..., :3, :3] @ undo, uv).float()
        rays = rays.to(self.frustum.device)
        start = to_lidar[..., :3, 3].float().to(rays.device)
        depth = self.frustum[:, :1, :1, 2:]
        return rays[:, :, None] * depth + start[:, :, None, None, None]

    @torch.no_grad()
    def cell_of_frustum(self, rig: CameraRig) -> Tensor:
        """Index of the BEV cell of each frustum point, floored; -1 outside the map.

        Returns:
            (B, N, fH, fW, D) int64 into the flattened (B, Z, X, Y) cells.
        """
        scaled = (self.frustum_in_lidar(rig) - (self.bx - self.dx / 2.0)) / self.dx
        cell = self.number_cell(scaled).long()
        x, y, z = cell.unbind(-1)
        nx, ny, nz = self.cells
        inside = (x >= 0) & (x < nx) & (y >= 0) & (y < ny) & (z >= 0) & (z < nz)
        sample = torch.arange(len(cell), device=cell.device).view(-1, 1, 1, 1, 1)
        index = ((sample * nz + z) * nx + x) * ny + y
        return torch.where(inside, index, -1).permute(0, 1, 3, 4, 2)

    def splat(self, lifted: Tensor, rig: CameraRig) -> Tensor:
        """Pool depth logits and context into the BEV map.

        Args:
            lifted: (B·N, D + C, fH, fW) depth logits, then context.
            rig: the cameras.

        Returns:
            (B, Z · C, X, Y) float32.
        """
        rows = lifted.permute(0, 2, 3, 1).flatten(0, 2).float()
        depth, context = rows.split([self.depth_bins, self.out_channels], dim=1)
        batch, (nx, ny, nz) = len(rig.lidar_aug), self.cells
        cell = self.cell_of_frustum(rig).reshape(-1, self.depth_bins)
        pooled = pool_to_cells(depth.softmax(dim=1), context, cell, num_cells=batch * nz * nx * ny)
        bev = pooled.view(batch, nz, nx, ny, self.out_channels).permute(0, 1, 4, 2, 3)
        return bev.flatten(1, 2)

    def _check_size(self, features: Tensor) -> None:
        found = tuple(features.shape[-2:])
        if found != self.feature_size:
            raise SpecError(
                f"the image features are {found[0]} × {found[1]}, the view transform expects "
                f"{self.feature_size[0]} × {self.feature_size[1]}",
                where="model.view_transform.feature_size",
                hint="image_size must be a multiple of data_preprocessor.pad_size_divisor, and feature_size "
                "the size of the neck's finest output",
            )


@MODELS.register_module()
class LSSTransform(_LiftSplat):
    """Lift-splat with depths from the image alone; for the arguments see the base class.

    Args:
        in_channels: channels of the image features.
        **geometry: arguments of the base class.
    """

    def __init__(self, *, in_channels: int, **geometry: Any) -> None:
        super().__init__(**geometry)
        self.depthnet = nn.Conv2d(in_channels, self.depth_bins + self.out_channels, 1)

    def forward(self, features: Tensor, points: Sequence[Tensor], rig: CameraRig) -> Tensor:  # noqa: ARG002
        """Lift features (B, N, C, fH, fW) into (B, C_out, X, Y); the points are not looked at."""
        self._check_size(features)
        return self.downsample(self.splat(self.depthnet(features.flatten(0, 1)), rig))


@MODELS.register_module()
class DepthLSSTransform(_LiftSplat):
    """Lift-splat that also sees the LiDAR's depth where a point falls on the image (BEVFusion).

    Args:
        in_channels: channels of the image features.
        **geometry: arguments of the base class.
    """

    def __init__(self, *, in_channels: int, **geometry: Any) -> None:
        super().__init__(**geometry)
        self.dtransform = nn.Sequential(
            *_conv_norm_act(1, 8, 1),
            *_conv_norm_act(8, 32, 5, stride=4, padding=2),
            *_conv_norm_act(32, 64, 5, stride=2, padding=2),
        )
        self.depthnet = nn.Sequential(
            *_conv_norm_act(in_channels + 64, in_channels, 3, padding=1),
            *_conv_norm_act(in_channels, in_channels, 3, padding=1),
            nn.Conv2d(in_channels, self.depth_bins + self.out_channels, 1),
        )

    def forward(self, features: Tensor, points: Sequence[Tensor], rig: CameraRig) -> Tensor:
        """Lift image features to the BEV map.

        Args:
            features: (B, N, C, fH, fW) float.
            points: B clouds (n, 3+) float32 in the augmented LiDAR frame, metres.
            rig: the cameras.

        Returns:
            (B, C_out, X, Y) float.

        Raises:
            SpecError: the feature map is not as large as the geometry says.
        """
        self._check_size(features)
        depth = self.dtransform(depth_image(points, rig, self.image_size).flatten(0, 1))
        lifted = self.depthnet(torch.cat([depth, features.flatten(0, 1)], dim=1))
        return self.downsample(self.splat(lifted, rig))


@torch.no_grad()
def depth_image(points: Sequence[Tensor], rig: CameraRig, image_size: Sequence[int]) -> Tensor:
    """Depth of the nearest LiDAR point on each pixel of the input images.

    Args:
        points: B clouds (n, 3+) float32 in the augmented LiDAR frame, metres.
        rig: the cameras.
        image_size: height, width, pixels.

    Returns:
        (B, N, 1, height, width) float32 metres along the camera's axis, 0 where no point falls.
    """
    height, width = image_size
    cameras = rig.lidar2img.shape[1]
    to_img = (rig.lidar2img @ torch.linalg.inv(rig.lidar_aug)[:, None]).float()
    to_input = _affine_2d(rig.img_aug).float()
    device = points[0].device
    nearest = torch.full((len(points), cameras, height * width), torch.inf, device=device)
    for image, cloud, matrix, aug in zip(
        nearest, points, to_img.to(device), to_input.to(device), strict=True
    ):
        u, v, distance = _project(cloud[:, :3], matrix, aug).unbind(-1)
        seen = (distance > 0) & (u >= 0) & (u < width) & (v >= 0) & (v < height)
        pixel = torch.where(seen, v.floor() * width + u.floor(), 0).long()
        image.scatter_reduce_(1, pixel, torch.where(seen, distance, torch.inf), "amin")
    nearest[nearest.isinf()] = 0.0
    return nearest.view(len(points), cameras, 1, height, width)


def _project(points: Tensor, to_img: Tensor, aug: Tensor) -> Tensor:
    """Input pixels u, v and depth (m), (N, n, 3), of points (n, 3) in N cameras, in full precision."""
    with torch.autocast(points.device.type, enabled=False):
        points = points.float()
        projected = torch.einsum("nij,pj->npi", to_img[:, :3, :3], points) + to_img[:, None, :3, 3]
        distance = projected[..., 2:]
        flat = torch.cat([projected[..., :2] / distance.clamp(min=1e-5), torch.ones_like(distance)], dim=-1)
        return torch.cat([torch.einsum("nij,npj->npi", aug, flat)[..., :2], distance], dim=-1)


def _affine_2d(img_aug: Tensor) -> Tensor:
    """(..., 3, 3) matrix on homogeneous pixels u, v, 1 of a (..., 4, 4) matrix on u, v, depth."""
    affine = torch.eye(3, dtype=img_aug.dtype).repeat(*img_aug.shape[:-2], 1, 1)
    affine[..., :2, :2] = img_aug[..., :2, :2]
    affine[..., :2, 2] = img_aug[..., :2, 3]
    return affine


def _conv_norm_act(inputs: int, outputs: int, kernel: int, **conv: Any) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, kernel, **conv), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]


def _halve(channels: int) -> nn.Sequential:
    """Three convolutions, the middle one with stride 2."""
    conv = {"padding": 1, "bias": False}
    return nn.Sequential(
        *_conv_norm_act(channels, channels, 3, **conv),
        *_conv_norm_act(channels, channels, 3, stride=2, **conv),
        *_conv_norm_act(channels, channels, 3, **conv),
    )
