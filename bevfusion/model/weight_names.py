"""Weights of other projects under our names and in our shapes.

Our names are those of mmdet3d's BEVFusion, which TAO has as well. Others are known here:

- MIT's BEVFusion (``encoders.camera.backbone``, ``fuser``, ``heads.object``), sparse kernels as in spconv 1;
- Swin Transformer as published (Liu et al. 2021), as in timm, and as in mmdet, alone or within a detector.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional

__all__ = ["adapt_shape", "name_detector", "name_swin"]

Weights = Mapping[str, Tensor]

_WRAPPER = "module."
_MIT_PARTS = {
    "encoders.camera.backbone.": "img_backbone.",
    "encoders.camera.neck.": "img_neck.",
    "encoders.camera.vtransform.": "view_transform.",
    "encoders.lidar.backbone.": "pts_middle_encoder.",
    "fuser.": "fusion_layer.",
    "decoder.backbone.": "pts_backbone.",
    "decoder.neck.": "pts_neck.",
    "heads.object.": "bbox_head.",
}
_MIT_DECODER = re.compile(r"(bbox_head\.decoder\.\d+\.)(self_attn|multihead_attn|linear[12]|norm[123])\.")
_MIT_DECODER_PARTS = {
    "self_attn": "self_attn.attn",
    "multihead_attn": "cross_attn.attn",
    "linear1": "ffn.layers.0.0",
    "linear2": "ffn.layers.1",
    "norm1": "norms.0",
    "norm2": "norms.1",
    "norm3": "norms.2",
}

_SWIN_START = "patch_embed.proj"  # the beginning of "projection" as well
_SWIN_PARTS = {
    "patch_embed.proj.": "patch_embed.projection.",
    ".attn.": ".attn.w_msa.",
    ".mlp.fc1.": ".ffn.layers.0.0.",
    ".mlp.fc2.": ".ffn.layers.1.",
}
_SWIN_STAGE = re.compile(r"^layers\.(\d+)\.")


def name_detector(weights: Weights) -> dict[str, Tensor]:
    """Give the weights of a whole detector our names; names that nobody knows stay as they are.

    Args:
        weights: state dict of ours, of mmdet3d, TAO or MIT, perhaps out of a parallel wrapper.
    """
    named = {}
    for name, value in weights.items():
        ours = name.removeprefix(_WRAPPER)
        part = next((part for part in _MIT_PARTS if ours.startswith(part)), None)
        if part is not None:
            ours = _MIT_PARTS[part] + ours.removeprefix(part)
            ours = _MIT_DECODER.sub(lambda found: f"{found[1]}{_MIT_DECODER_PARTS[found[2]]}.", ours)
        named[ours] = value
    return named


def name_swin(weights: Weights) -> dict[str, Tensor]:
    """Give the weights of a Swin Transformer the names and the order of mmdet's.

    Args:
        weights: state dict in any of the three layouts, whose Swin may be a part of something larger.

    Returns:
        The part that is the Swin Transformer; empty when there is none.
    """
    start = next((name for name in weights if _SWIN_START in name), None)
    if start is None:
        return {}
    prefix = start[: start.index(_SWIN_START)]
    inner = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
    if any(name.startswith("stages.") for name in inner):
        return inner
    # timm counts the merging of patches to the stage behind it, the original to the one before.
    shift = 0 if "layers.0.downsample.reduction.weight" in inner else 1
    return {
        _name_swin_part(name, shift): _unfold_order(value) if ".downsample." in name else value
        for name, value in inner.items()
    }


def adapt_shape(name: str, value: Tensor, shape: tuple[int, ...]) -> Tensor | None:
    """Bring one tensor to the shape that a model has for it.

    Args:
        name: name of the tensor.
        value: as stored. Sparse kernels of spconv 1 have their output channels last and are turned; position
            biases of another window size are resampled, as Swin's authors do.
        shape: wanted.

    Returns:
        The tensor, or None when it is another thing of the same name.
    """
    if value.shape == shape:
        return value
    if value.dim() == 5 and (turned := value.permute(4, 0, 1, 2, 3)).shape == shape:
        return turned.contiguous()
    if name.endswith("relative_position_bias_table") and value.shape[1:] == shape[1:]:
        old, new = (round(rows**0.5) for rows in (len(value), shape[0]))
        table = value.T.unflatten(1, (old, old))[None]
        return functional.interpolate(table, size=(new, new), mode="bicubic")[0].flatten(1).T.contiguous()
    return None


def _name_swin_part(name: str, shift: int) -> str:
    def to_stage(found: re.Match[str]) -> str:
        return f"stages.{int(found[1]) - (shift if '.downsample.' in name else 0)}."

    for theirs, ours in _SWIN_PARTS.items():
        name = name.replace(theirs, ours)
    return _SWIN_STAGE.sub(to_stage, name)


def _unfold_order(merged: Tensor) -> Tensor:
    """Reorder the last axis, four patches of C channels each, from (00, 10, 01, 11) x C to C x raster."""
    patches = merged.unflatten(-1, (4, -1))[..., [0, 2, 1, 3], :]
    return patches.transpose(-1, -2).flatten(-2)
