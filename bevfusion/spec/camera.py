"""The camera branch: backbone, neck and the lift into the bird's-eye view."""

from __future__ import annotations

from dataclasses import dataclass

from bevfusion.spec.layers import ActCfg, InterpolateCfg, NormCfg
from bevfusion.spec.leaf import block, leaf

__all__ = ["ImgBackboneSpec", "ImgNeckSpec", "InitCfg", "ViewTransformSpec"]


@dataclass(frozen=True)
class InitCfg:
    """Pretrained weights of the image backbone."""

    type: str = leaf("Pretrained", "How weights are initialised.", choices=("Pretrained",))
    checkpoint: str | None = leaf(
        None,
        "File with Swin weights as published, of timm, or of mmdet, alone or within a detector; null starts"
        " from random ones.",
    )


@dataclass(frozen=True)
class ImgBackboneSpec:
    """Swin Transformer (Liu et al., 2021)."""

    type: str = leaf("mmdet.SwinTransformer", "Backbone.", choices=("mmdet.SwinTransformer",))
    embed_dims: int = leaf(96, "Channels of the first stage; each later one doubles them.", low=4, high=512)
    depths: tuple[int, ...] = leaf((2, 2, 6, 2), "Blocks per stage.", low=1, high=48, automl=False)
    num_heads: tuple[int, ...] = leaf(
        (3, 6, 12, 24), "Attention heads per stage.", low=1, high=128, automl=False
    )
    window_size: int = leaf(7, "Edge of an attention window in patches.", low=2, high=32)
    mlp_ratio: int = leaf(4, "Hidden width of a block as a multiple of its channels.", low=1, high=16)
    qkv_bias: bool = leaf(True, "Whether query, key and value have a bias.")
    qk_scale: float | None = leaf(
        None, "Scale of the attention logits; null means 1/sqrt(channels per head).", low=1e-4, high=100.0
    )
    drop_rate: float = leaf(0.0, "Dropout of features.", low=0.0, high=0.5, automl=True)
    attn_drop_rate: float = leaf(0.0, "Dropout of attention weights.", low=0.0, high=0.5, automl=True)
    drop_path_rate: float = leaf(
        0.2, "Probability of skipping the last block.", low=0.0, high=0.5, automl=True
    )
    patch_norm: bool = leaf(True, "Whether patches are normalised after embedding.")
    out_indices: tuple[int, ...] = leaf(
        (1, 2, 3), "Stages that are handed on, counted from 0.", low=0, high=3, automl=False
    )
    with_cp: bool = leaf(False, "Recompute activations in the backward pass: less memory, more time.")
    convert_weights: bool = leaf(
        True, "For existing specs; the layout of pretrained weights is told from their names."
    )
    init_cfg: InitCfg = block(InitCfg, "Pretrained weights.", automl=False)


@dataclass(frozen=True)
class ImgNeckSpec:
    """Feature pyramid that joins the backbone's stages at the finest one."""

    type: str = leaf("GeneralizedLSSFPN", "Neck.", choices=("GeneralizedLSSFPN",))
    in_channels: tuple[int, ...] | None = leaf(
        None, "Channels of the stages; null derives them from the backbone.", low=1, high=8192, automl=False
    )
    out_channels: int = leaf(256, "Channels of the joined map.", low=4, high=1024)
    start_level: int = leaf(0, "First stage that takes part, counted among out_indices.", low=0, high=3)
    num_outs: int = leaf(0, "Outputs asked for; the finest is used, whatever their number.", low=0, high=4)
    norm_cfg: NormCfg = block(NormCfg, "Normalisation.", type="BN2d", eps=1e-5, momentum=0.1)
    act_cfg: ActCfg = block(ActCfg, "Activation.", automl=False)
    upsample_cfg: InterpolateCfg = block(InterpolateCfg, "Upsampling.", automl=False)


@dataclass(frozen=True)
class ViewTransformSpec:
    """Lift, splat (Philion and Fidler, 2020): every pixel becomes a ray of depth-weighted features."""

    type: str = leaf(
        "DepthLSSTransform",
        "DepthLSSTransform sees the projected LiDAR depth, LSSTransform the image alone.",
        choices=("DepthLSSTransform", "LSSTransform"),
    )
    in_channels: int | None = leaf(None, "Channels of the image map; null derives them.", low=1, high=8192)
    out_channels: int = leaf(80, "Channels of the camera's bird's-eye view.", low=4, high=1024)
    image_size: tuple[int, ...] = leaf(
        (256, 704), "Height and width of the network's image (px).", low=32, high=4096, length=2, automl=False
    )
    feature_size: tuple[int, ...] | None = leaf(
        None,
        "Height and width of the image map; null derives them.",
        low=1,
        high=1024,
        length=2,
        automl=False,
    )
    xbound: tuple[float, ...] | None = leaf(
        None, "Start, end, step along x (m); null lays it on the LiDAR's grid.", length=3, automl=False
    )
    ybound: tuple[float, ...] | None = leaf(
        None, "Start, end, step along y (m); null lays it on the LiDAR's grid.", length=3, automl=False
    )
    zbound: tuple[float, ...] = leaf(
        (-10.0, 10.0, 20.0), "Start, end, step along z (m); one single cell.", length=3, automl=False
    )
    dbound: tuple[float, ...] = leaf(
        (1.0, 60.0, 0.5),
        "Start, end, step of the depth bins (m).",
        low=0.01,
        high=500.0,
        length=3,
        automl=False,
    )
    downsample: int = leaf(2, "Ratio of this grid's resolution to that of the fused map.", choices=(1, 2))
