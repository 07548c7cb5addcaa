"""Which parts of the detector ONNX can hold, with inputs to try them on, and why the others cannot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from bevfusion.spec import ExperimentSpec
from bevfusion.spec.geometry import encode_cells

__all__ = ["NOT_IN_ONNX", "Part", "list_parts"]

NOT_IN_ONNX: Mapping[str, str] = MappingProxyType(
    {
        "LiDAR branch": "ONNX has no sparse convolution, and the number of voxels differs by frame",
        "lift to bird's eye view": "which image features fall into a cell is decided by each calibration",
        "decoding": "boxes in metres are a few lines of arithmetic on the outputs: bevfusion.model.decode",
    }
)
"""Part of the model to the reason why it stays with PyTorch."""
_HEAD_OUTPUTS = ("center", "height", "dim", "rot", "vel", "heatmap", "query_heatmap_score", "query_labels")
_SEED = 0


@dataclass(frozen=True)
class Part:
    """A dense piece of the detector.

    Attributes:
        name: for people.
        module: takes the inputs in order, gives the outputs in order.
        inputs: name to an example of one frame.
        outputs: their names.
    """

    name: str
    module: nn.Module
    inputs: Mapping[str, Tensor]
    outputs: tuple[str, ...]

    @property
    def file(self) -> str:
        """Name of its file."""
        return f"{self.name.lower().replace(' ', '_')}.onnx"


class _ImageBranch(nn.Module):
    """Normalised images (B, 3, H, W) to the neck's features (B, C, H / 8, W / 8)."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.backbone, self.neck = model.img_backbone, model.img_neck

    def forward(self, image: Tensor) -> tuple[Tensor]:
        return (self.neck(self.backbone(image))[0],)


class _BevBranch(nn.Module):
    """BEV maps (B, C_i, X, Y) of the sensors to the raw outputs of the head, see its ``forward``."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.fusion, self.backbone = model.fusion_layer, model.pts_backbone
        self.neck, self.head = model.pts_neck, model.bbox_head

    def forward(self, *maps: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.named(*maps).values())

    def named(self, *maps: Tensor) -> dict[str, Tensor]:
        """The same under their names."""
        bev = maps[0] if self.fusion is None else self.fusion(list(maps))
        features = self.neck(self.backbone(bev))
        last = self.head(features[0] if isinstance(features, list | tuple) else features)[-1]
        return {name: last[name] for name in _HEAD_OUTPUTS if name in last}


def list_parts(model: Any, spec: ExperimentSpec) -> list[Part]:
    """The dense parts of a detector in evaluation mode, on the CPU.

    Args:
        model: as `bevfusion.build.build_model` makes it.
        spec: the spec that it was built from, derived.
    """
    draws, parts = torch.Generator().manual_seed(_SEED), []
    channels = {"lidar_bev": spec.model.pts_backbone.in_channels}
    if model.uses_camera:
        height, width = spec.model.view_transform.image_size
        image = torch.randn(1, 3, height, width, generator=draws)
        parts.append(Part("image branch", _ImageBranch(model).eval(), {"image": image}, ("features",)))
        channels = dict(
            zip(("camera_bev", "lidar_bev"), spec.model.fusion_layer.in_channels or (), strict=True)
        )
    encoder = spec.model.pts_middle_encoder
    cells = encode_cells(encoder.sparse_shape or (), encoder)[:2]
    maps = {name: torch.randn(1, count or 1, *cells, generator=draws) for name, count in channels.items()}
    branch = _BevBranch(model).eval()
    with torch.no_grad():
        outputs = tuple(branch.named(*maps.values()))
    return [*parts, Part("BEV branch", branch, maps, outputs)]
