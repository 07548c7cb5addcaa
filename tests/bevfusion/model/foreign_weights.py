"""Our weights as other projects store them, by what is known of their code."""

import torch
from torch import nn

Weights = dict[str, torch.Tensor]


def original_order(channels: int) -> torch.Tensor:
    """For each entry of the published merging of 2 x 2 patches, where nn.Unfold has it."""
    entry = torch.arange(4.0 * channels).view(1, channels, 2, 2)
    unfolded = nn.Unfold(2, stride=2)(entry).flatten()
    merged = torch.cat([entry[0, :, row, column] for row, column in ((0, 0), (1, 0), (0, 1), (1, 1))])
    return torch.stack([(unfolded == value).nonzero()[0, 0] for value in merged])


def publish(weights: Weights, *, merging_before_stage: bool) -> Weights:
    """Our weights as the authors of Swin publish them, or as timm does, which numbers mergings otherwise."""
    published = {"head.weight": torch.zeros(5, 16), "norm.weight": torch.ones(16)}
    for name, value in weights.items():
        theirs = name.replace("stages.", "layers.").replace("projection.", "proj.").replace("w_msa.", "")
        theirs = theirs.replace("ffn.layers.0.0.", "mlp.fc1.").replace("ffn.layers.1.", "mlp.fc2.")
        if ".downsample." in name:
            value = value[..., original_order(value.shape[-1] // 4)]
            theirs = theirs.replace("layers.0.", "layers.1.") if merging_before_stage else theirs
        published[theirs] = value
    return published


def as_mit(weights: Weights) -> Weights:
    """Our names as in the release of MIT's BEVFusion, sparse kernels in the layout of spconv 1."""
    parts = {
        "img_backbone.": "encoders.camera.backbone.",
        "img_neck.": "encoders.camera.neck.",
        "view_transform.": "encoders.camera.vtransform.",
        "pts_middle_encoder.": "encoders.lidar.backbone.",
        "fusion_layer.": "fuser.",
        "pts_backbone.": "decoder.backbone.",
        "pts_neck.": "decoder.neck.",
        "bbox_head.": "heads.object.",
    }
    inner = {
        "self_attn.attn.": "self_attn.",
        "cross_attn.attn.": "multihead_attn.",
        "ffn.layers.0.0.": "linear1.",
        "ffn.layers.1.": "linear2.",
        "norms.0.": "norm1.",
        "norms.1.": "norm2.",
        "norms.2.": "norm3.",
    }
    renamed = {}
    for name, value in weights.items():
        part = name.partition(".")[0] + "."
        theirs = parts[part] + name.removeprefix(part)
        if ".decoder." in name and part == "bbox_head.":
            for ours, mits in inner.items():
                theirs = theirs.replace(ours, mits)
        renamed[theirs] = value.permute(1, 2, 3, 4, 0) if value.dim() == 5 else value
    return renamed
