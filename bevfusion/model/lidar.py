"""The LiDAR branch: sparse 3D convolutions over voxels, flattened to a view from above."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import spconv.pytorch as spconv
import torch
from mmdet3d.models.layers import SparseBasicBlock, make_sparse_convmodule
from torch import Tensor, nn

from bevfusion.model.registry import MODELS
from bevfusion.ops.sparse import repair_cpu_spconv

__all__ = ["BEVFusionSparseEncoder"]

repair_cpu_spconv()

_NORM = {"type": "BN1d", "eps": 1e-3, "momentum": 0.01}
_MIN_VOXELS = 2  # batch statistics of one row do not exist


class _PlainLayout:
    """Loads weights that already have spconv 2's layout as they are.

    mmdet3d turns the axes of every sparse weight whose state dict carries no version, which is every state
    dict that has passed through a plain ``dict``. The shape tells the layouts apart.
    """

    weight: nn.Parameter

    def _load_from_state_dict(
        self, state_dict: Mapping[str, Tensor], prefix: str, local_metadata: dict[str, Any], *rest: Any
    ) -> None:
        weight = state_dict.get(prefix + "weight")
        if "version" not in local_metadata and weight is not None and weight.shape == self.weight.shape:
            local_metadata = {**local_metadata, "version": 2}
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)  # type: ignore[misc]


class _SubMConv3d(_PlainLayout, spconv.SubMConv3d):
    """Submanifold convolution: the occupied voxels stay the same."""


class _SparseConv3d(_PlainLayout, spconv.SparseConv3d):
    """Sparse convolution: each occupied voxel spreads over its neighbours; strides make the grid coarser."""


@MODELS.register_module()
class BEVFusionSparseEncoder(nn.Module):
    """Residual sparse encoder of SECOND (Yan et al. 2018) with axes in the order x, y, z.

    Args:
        in_channels: features of a voxel.
        sparse_shape: voxels along x, y, z; z with one more than the grid, as in SECOND.
        order: order within the first convolution; without ``conv`` in front it gets no norm and activation.
        norm_cfg: norm layer.
        base_channels: channels after the first convolution.
        output_channels: channels of each remaining z slice.
        encoder_channels: channels of the layers of each stage.
        encoder_paddings: padding of the layers of each stage; a triple is per axis.
        block_type: ``basicblock`` (residual pairs; the last layer of a stage goes to half the resolution) or
            ``conv_module`` (single convolutions; the first one does).
    """

    def __init__(  # noqa: PLR0913 - the keys of the model config
        self,
        *,
        in_channels: int,
        sparse_shape: Sequence[int],
        order: Sequence[str] = ("conv", "norm", "act"),
        norm_cfg: Mapping[str, Any] = _NORM,
        base_channels: int = 16,
        output_channels: int = 128,
        encoder_channels: Sequence[Sequence[int]] = ((16,), (32, 32, 32), (64, 64, 64), (64, 64, 64)),
        encoder_paddings: Sequence[Sequence[Any]] = ((1,), (1, 1, 1), (1, 1, 1), ((0, 1, 1), 1, 1)),
        block_type: str = "conv_module",
    ) -> None:
        super().__init__()
        self.sparse_shape = tuple(sparse_shape)
        self.norm_cfg = dict(norm_cfg)
        self.is_residual = block_type == "basicblock"
        self.conv_input = make_sparse_convmodule(
            in_channels,
            base_channels,
            3,
            norm_cfg=self.norm_cfg,
            padding=1,
            indice_key="subm1",
            conv_type=_SubMConv3d,
            order=tuple(order) if order[0] == "conv" else ("conv",),
        )
        self.encoder_layers = spconv.SparseSequential()
        channels = base_channels
        for index, (widths, paddings) in enumerate(zip(encoder_channels, encoder_paddings, strict=True), 1):
            is_last = index == len(encoder_channels)
            layers = self._make_stage(channels, widths, paddings, index=index, is_last=is_last)
            self.encoder_layers.add_module(f"encoder_layer{index}", spconv.SparseSequential(*layers))
            channels = widths[-1]
        self.conv_out = make_sparse_convmodule(
            channels,
            output_channels,
            (1, 1, 3),
            norm_cfg=self.norm_cfg,
            stride=(1, 1, 2),
            indice_key="spconv_down2",
            conv_type=_SparseConv3d,
        )

    def _make_stage(
        self, channels: int, widths: Sequence[int], paddings: Sequence[Any], *, index: int, is_last: bool
    ) -> list[nn.Module]:
        layers: list[nn.Module] = []
        key = f"subm{index}"
        for position, (width, padding) in enumerate(zip(widths, paddings, strict=True)):
            if self._goes_down(position, len(widths), index=index, is_last=is_last):
                layers.append(self._conv(_SparseConv3d, channels, width, padding, f"spconv{index}"))
            elif self.is_residual:
                conv = {"type": _SubMConv3d, "indice_key": key}
                layers.append(SparseBasicBlock(width, width, norm_cfg=self.norm_cfg, conv_cfg=conv))
            else:
                layers.append(self._conv(_SubMConv3d, channels, width, padding, key))
            channels = width
        return layers

    def _goes_down(self, position: int, depth: int, *, index: int, is_last: bool) -> bool:
        if self.is_residual:
            return position == depth - 1 and not is_last
        return position == 0 and index > 1

    def _conv(self, kind: type, channels: int, width: int, padding: Any, key: str) -> nn.Module:
        return make_sparse_convmodule(
            channels,
            width,
            3,
            norm_cfg=self.norm_cfg,
            stride=2 if kind is _SparseConv3d else 1,
            padding=padding if isinstance(padding, int) else tuple(padding),
            indice_key=key,
            conv_type=kind,
        )

    def forward(self, features: Tensor, coordinates: Tensor, batch_size: int) -> Tensor:
        """Encode the voxels of a batch.

        Args:
            features: (V, C) float32.
            coordinates: (V, 4) int32 sample, x, y, z; none twice.
            batch_size: number of samples B.

        Returns:
            (B, output_channels · Z, X, Y) float32; channel c · Z + z holds slice z of channel c.
        """
        if len(features) < _MIN_VOXELS:
            features, coordinates = self._add_empty_voxels(features, coordinates)
        with torch.autocast(features.device.type, enabled=False):
            voxels = spconv.SparseConvTensor(
                features.float(), coordinates, list(self.sparse_shape), batch_size
            )
            encoded = self.conv_out(self.encoder_layers(self.conv_input(voxels)))
        return _from_above(encoded)

    def _add_empty_voxels(self, features: Tensor, coordinates: Tensor) -> tuple[Tensor, Tensor]:
        """Put zero voxels into two opposite corners, so that a batch without points still has statistics."""
        far = [size - 1 for size in self.sparse_shape]
        corners = coordinates.new_tensor([[0, 0, 0, 0], [0, *far]])
        taken = (corners[:, None] == coordinates[None]).all(dim=2).any(dim=1)
        corners = corners[~taken]
        empty = features.new_zeros(len(corners), features.shape[1])
        return torch.cat([features, empty]), torch.cat([coordinates, corners])


def _from_above(voxels: spconv.SparseConvTensor) -> Tensor:
    """Write occupied voxels into a dense (B, C · Z, X, Y) map, z fastest among the channels."""
    sample, x, y, z = voxels.indices.long().unbind(1)
    x_cells, y_cells, z_cells = voxels.spatial_shape
    shape = (voxels.batch_size, x_cells, y_cells, voxels.features.shape[1], z_cells)
    dense = voxels.features.new_zeros(shape)
    dense[sample, x, y, :, z] = voxels.features
    return dense.flatten(3).permute(0, 3, 1, 2).contiguous()
