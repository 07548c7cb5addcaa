"""Merging of the camera's and the LiDAR's view from above."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from bevfusion.model.registry import MODELS

__all__ = ["ConvFuser"]


@MODELS.register_module()
class ConvFuser(nn.Sequential):
    """One convolution over the stacked maps: the merge of BEVFusion (Liu et al. 2023).

    Args:
        in_channels: channels of each map, camera first.
        out_channels: channels of the result.
    """

    def __init__(self, *, in_channels: Sequence[int], out_channels: int) -> None:
        super().__init__(
            nn.Conv2d(sum(in_channels), out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
        )

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Merge maps (B, C_i, X, Y) of one grid into (B, out_channels, X, Y)."""
        return super().forward(torch.cat(list(maps), dim=1))
