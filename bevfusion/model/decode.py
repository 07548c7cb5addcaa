"""Between boxes in metres and the numbers that the head regresses.

Boxes are x, y, z of the bottom centre and dx, dy, dz in the LiDAR frame (m), then either the yaw (rad) or, in
TAO's nine-number form, the extrinsic Euler angles rx, ry, rz (rad; rotation Rz · Ry · Rx).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from bevfusion.errors import SpecError
from bevfusion.model.registry import TASK_UTILS

__all__ = ["TAO3DBBoxCoder", "TransFusionBBoxCoder", "upright_boxes"]


def upright_boxes(boxes: Tensor) -> Tensor:
    """Describe boxes by their yaw alone.

    Args:
        boxes: (..., 7) boxes, returned as they are, or (..., 9) with Euler angles.

    Returns:
        (..., 7) boxes; the yaw (rad) is the heading of the box's long axis seen from above.
    """
    if boxes.shape[-1] == 7:
        return boxes
    _, ry, rz = boxes[..., 6:9].unbind(-1)
    yaw = torch.atan2(rz.sin() * ry.cos(), rz.cos() * ry.cos())
    return torch.cat([boxes[..., :6], yaw[..., None]], dim=-1)


@TASK_UTILS.register_module()
class TransFusionBBoxCoder:
    """Code of TransFusion (Bai et al. 2022): BEV cell, height, log size, sine and cosine of the yaw.

    Args:
        pc_range: lower corner x, y (further numbers are not used), metres.
        out_size_factor: voxels along the edge of a BEV cell.
        voxel_size: x, y, metres.
        post_center_range: x0, y0, z0, x1, y1, z1; predictions with the bottom centre outside are dropped.
        score_threshold: predictions below are dropped; 0 or None keeps all.
        code_size: 8, or 10 with the velocity x, y (m/s).
    """

    code_sizes: tuple[int, ...] = (8, 10)

    def __init__(
        self,
        *,
        pc_range: Sequence[float],
        out_size_factor: int,
        voxel_size: Sequence[float],
        post_center_range: Sequence[float] | None = None,
        score_threshold: float | None = None,
        code_size: int = 8,
    ) -> None:
        if code_size not in self.code_sizes:
            raise SpecError(
                f"code_size {code_size} does not fit {type(self).__name__}",
                where="model.bbox_head.bbox_coder.code_size",
                hint=f"use {' or '.join(map(str, self.code_sizes))}",
            )
        self.origin_m = tuple(pc_range[:2])
        self.cell_m = tuple(size * out_size_factor for size in voxel_size[:2])
        self.post_center_range = post_center_range
        self.score_threshold = score_threshold or 0.0
        self.code_size = code_size

    def ground_truth(self, boxes: Tensor) -> Tensor:
        """Bring annotated boxes (n, 7 or 9) to the numbers that :meth:`encode` takes."""
        if self.code_size == 10:
            return boxes
        return upright_boxes(boxes)

    def spatial(self, boxes: Tensor) -> Tensor:
        """Drop the numbers (..., k) that do not describe the place, such as the velocity."""
        return boxes[..., :7]

    def encode(self, boxes: Tensor) -> Tensor:
        """Turn boxes (n, 7), or (n, 9) with velocity, into regression targets (n, code_size)."""
        return torch.cat([self._encode_place(boxes), *_sin_cos(boxes[:, 6:7]), boxes[:, 7:]], dim=1)

    def _encode_place(self, boxes: Tensor) -> Tensor:
        cell = (boxes[:, :2] - boxes.new_tensor(self.origin_m)) / boxes.new_tensor(self.cell_m)
        centre_z = boxes[:, 2:3] + boxes[:, 5:6] * 0.5
        return torch.cat([cell, centre_z, boxes[:, 3:6].log()], dim=1)

    def decode(self, code: Mapping[str, Tensor]) -> Tensor:
        """Turn head outputs into boxes.

        Args:
            code: ``center`` (B, 2, P) cells, ``height`` (B, 1, P) metres of the box centre, ``dim`` (B, 3, P)
                log metres, ``rot`` (B, 2, P) sine and cosine, and for code 10 ``vel`` (B, 2, P).

        Returns:
            (B, P, 7) boxes, or (B, P, 9) with velocity.
        """
        parts = [self._decode_place(code), _angles(code["rot"])]
        if self.code_size == 10:
            parts.append(code["vel"])
        return torch.cat(parts, dim=1).permute(0, 2, 1)

    def _decode_place(self, code: Mapping[str, Tensor]) -> Tensor:
        center = code["center"]
        scale, origin = (center.new_tensor(pair)[:, None] for pair in (self.cell_m, self.origin_m))
        size = code["dim"].exp()
        bottom = code["height"] - size[:, 2:3] * 0.5
        return torch.cat([center * scale + origin, bottom, size], dim=1)

    def kept(self, boxes: Tensor, scores: Tensor) -> Tensor:
        """Mask (...) of the predictions that pass the score threshold and the centre range.

        Args:
            boxes: (..., 7+) boxes.
            scores: (...) confidences.
        """
        mask = scores >= self.score_threshold
        if self.post_center_range is not None:
            low, high = boxes.new_tensor(self.post_center_range).view(2, 3)
            mask &= ((boxes[..., :3] >= low) & (boxes[..., :3] <= high)).all(dim=-1)
        return mask


@TASK_UTILS.register_module()
class TAO3DBBoxCoder(TransFusionBBoxCoder):
    """Code of NVIDIA TAO's nine-number boxes: TransFusion's with sine and cosine of three Euler angles."""

    code_sizes = (12,)

    def __init__(self, *, code_size: int = 12, **settings: object) -> None:
        super().__init__(code_size=code_size, **settings)  # type: ignore[arg-type]

    def ground_truth(self, boxes: Tensor) -> Tensor:
        """Bring annotated boxes (n, 7 or 9) to nine numbers; a box with a yaw alone stands upright."""
        if boxes.shape[-1] == 9:
            return boxes
        flat = torch.zeros_like(boxes[:, :2])
        return torch.cat([boxes[:, :6], flat, boxes[:, 6:7]], dim=1)

    def spatial(self, boxes: Tensor) -> Tensor:
        """All nine numbers describe the place."""
        return boxes

    def encode(self, boxes: Tensor) -> Tensor:
        """Turn boxes (n, 9) into regression targets (n, 12)."""
        pairs = [part for axis in (6, 7, 8) for part in _sin_cos(boxes[:, axis : axis + 1])]
        return torch.cat([self._encode_place(boxes), *pairs], dim=1)

    def decode(self, code: Mapping[str, Tensor]) -> Tensor:
        """Turn head outputs, ``rot`` being (B, 6, P), into boxes (B, P, 9)."""
        return torch.cat([self._decode_place(code), _angles(code["rot"])], dim=1).permute(0, 2, 1)


def _sin_cos(angle: Tensor) -> tuple[Tensor, Tensor]:
    return angle.sin(), angle.cos()


def _angles(rot: Tensor) -> Tensor:
    """Angles (B, k, P) of sine-cosine pairs (B, 2k, P), radians."""
    return torch.atan2(rot[:, 0::2], rot[:, 1::2])
