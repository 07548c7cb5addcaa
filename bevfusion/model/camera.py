"""The neck of the camera branch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional

from bevfusion.model.registry import MODELS

__all__ = ["GeneralizedLSSFPN"]


@MODELS.register_module()
class GeneralizedLSSFPN(BaseModule):
    """Top-down pyramid that concatenates each level with the next coarser one, as in BEVFusion.

    The coarsest level has no output of its own.

    Args:
        in_channels: channels of the levels, finest first.
        out_channels: channels of each output.
        num_outs: kept for existing configs; the number of outputs is one less than that of the levels.
        start_level: first level that is used.
        norm_cfg: norm layer.
        act_cfg: activation.
        upsample_cfg: arguments of ``torch.nn.functional.interpolate``.
    """

    def __init__(  # noqa: PLR0913 - the keys of the model config
        self,
        *,
        in_channels: Sequence[int],
        out_channels: int,
        num_outs: int = 0,
        start_level: int = 0,
        norm_cfg: Mapping[str, Any] = {"type": "BN2d"},
        act_cfg: Mapping[str, Any] = {"type": "ReLU"},
        upsample_cfg: Mapping[str, Any] = {"mode": "bilinear", "align_corners": True},
    ) -> None:
        super().__init__()
        self.num_outs = num_outs
        self.start_level = start_level
        self.upsample_cfg = dict(upsample_cfg)
        self.lateral_convs, self.fpn_convs = nn.ModuleList(), nn.ModuleList()
        levels = in_channels[start_level:]
        style = {"norm_cfg": dict(norm_cfg), "act_cfg": dict(act_cfg), "inplace": False}
        for index, channels in enumerate(levels[:-1]):
            coarser = levels[-1] if index == len(levels) - 2 else out_channels
            self.lateral_convs.append(ConvModule(channels + coarser, out_channels, 1, **style))
            self.fpn_convs.append(ConvModule(out_channels, out_channels, 3, padding=1, **style))

    def forward(self, levels: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Merge levels (B·N, C_i, H_i, W_i) into outputs (B·N, out_channels, H_i, W_i), finest first."""
        coarser = levels[-1]
        outputs: list[Tensor] = []
        steps = zip(levels[self.start_level : -1], self.lateral_convs, self.fpn_convs, strict=True)
        for level, lateral, fpn in reversed(list(steps)):
            upsampled = functional.interpolate(coarser, size=level.shape[2:], **self.upsample_cfg)
            coarser = fpn(lateral(torch.cat([level, upsampled], dim=1)))
            outputs.insert(0, coarser)
        return tuple(outputs)
