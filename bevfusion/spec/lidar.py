"""The LiDAR branch: voxels, sparse encoder, backbone and neck of the bird's-eye view, and the fusion."""

from __future__ import annotations

from dataclasses import dataclass

from bevfusion.spec.layers import ConvCfg, DeconvCfg, NormCfg
from bevfusion.spec.leaf import block, leaf

__all__ = [
    "DataPreprocessorSpec",
    "FusionLayerSpec",
    "MiddleEncoderSpec",
    "PtsBackboneSpec",
    "PtsNeckSpec",
    "VoxelEncoderSpec",
    "VoxelizeSpec",
]


@dataclass(frozen=True)
class VoxelizeSpec:
    """How points are gathered into voxels."""

    max_num_points: int = leaf(10, "Points kept per voxel.", low=1, high=200)
    max_voxels: tuple[int, ...] = leaf(
        (120000, 160000),
        "Voxels kept per frame in training and in evaluation.",
        low=1,
        high=2000000,
        length=2,
        automl=False,
    )
    voxelize_reduce: bool = leaf(True, "Whether a voxel is the mean of its points.")


@dataclass(frozen=True)
class DataPreprocessorSpec:
    """Normalisation of images and voxelisation of points on the device."""

    type: str = leaf("Det3DDataPreprocessor", "Preprocessor.", choices=("Det3DDataPreprocessor",))
    mean: tuple[float, ...] = leaf(
        (123.675, 116.28, 103.53),
        "Subtracted from red, green, blue.",
        low=0.0,
        high=255.0,
        length=3,
        automl=False,
    )
    std: tuple[float, ...] = leaf(
        (58.395, 57.12, 57.375),
        "Red, green, blue are divided by it.",
        low=0.001,
        high=255.0,
        length=3,
        automl=False,
    )
    bgr_to_rgb: bool = leaf(False, "Whether channels are swapped; images are loaded as RGB.")
    pad_size_divisor: int = leaf(32, "Images are padded to multiples of this (px).", low=1, high=256)
    voxelize_cfg: VoxelizeSpec = block(VoxelizeSpec, "Voxels.", automl=False)


@dataclass(frozen=True)
class VoxelEncoderSpec:
    """Features of one voxel: the mean of its points."""

    type: str = leaf("HardSimpleVFE", "Encoder.", choices=("HardSimpleVFE",))
    num_features: int | None = leaf(
        None, "Numbers per voxel; null takes dataset.point_cloud_dim.", low=3, high=16
    )


@dataclass(frozen=True)
class MiddleEncoderSpec:
    """Sparse 3D convolutions; each stage but the last halves the grid."""

    type: str = leaf("BEVFusionSparseEncoder", "Encoder.", choices=("BEVFusionSparseEncoder",))
    in_channels: int | None = leaf(None, "Numbers per voxel; null derives them.", low=3, high=16)
    sparse_shape: tuple[int, ...] | None = leaf(
        None,
        "Cells along x, y, z; null derives them from range and voxel size, with one more along z.",
        low=1,
        high=20000,
        length=3,
        automl=False,
    )
    order: tuple[str, ...] = leaf(
        ("conv", "norm", "act"),
        "Order within a layer.",
        length=3,
        automl=False,
    )
    norm_cfg: NormCfg = block(NormCfg, "Normalisation.", type="BN1d")
    base_channels: int | None = leaf(
        None, "Channels of the first layer; null takes the first of encoder_channels.", low=1, high=1024
    )
    output_channels: int = leaf(128, "Channels of the last layer, before z is folded in.", low=1, high=1024)
    encoder_channels: tuple[tuple[int, ...], ...] = leaf(
        ((16, 16, 32), (32, 32, 64), (64, 64, 128), (128, 128)),
        "Channels of each layer, stage by stage.",
        low=1,
        high=1024,
        automl=False,
    )
    encoder_paddings: tuple[tuple[int | tuple[int, ...], ...], ...] = leaf(
        ((0, 0, 1), (0, 0, 1), (0, 0, (1, 1, 0)), (0, 0)),
        "Padding of each layer, one number or one per axis.",
        low=0,
        high=2,
        automl=False,
    )
    block_type: str = leaf("basicblock", "Layers within a stage.", choices=("basicblock",))


@dataclass(frozen=True)
class PtsBackboneSpec:
    """SECOND's 2D backbone (Yan et al., 2018) on the bird's-eye view."""

    type: str = leaf("SECOND", "Backbone.", choices=("SECOND",))
    in_channels: int | None = leaf(None, "Channels of its input; null derives them.", low=1, high=8192)
    out_channels: tuple[int, ...] = leaf((128, 256), "Channels per stage.", low=4, high=2048, automl=False)
    layer_nums: tuple[int, ...] = leaf(
        (5, 5), "Layers per stage after its first.", low=0, high=32, automl=False
    )
    layer_strides: tuple[int, ...] = leaf((1, 2), "Stride of each stage.", low=1, high=4, automl=False)
    norm_cfg: NormCfg = block(NormCfg, "Normalisation.")
    conv_cfg: ConvCfg = block(ConvCfg, "Convolution.", automl=False)


@dataclass(frozen=True)
class PtsNeckSpec:
    """Brings the backbone's stages to one resolution and stacks them."""

    type: str = leaf("SECONDFPN", "Neck.", choices=("SECONDFPN",))
    in_channels: tuple[int, ...] | None = leaf(
        None, "Channels of the stages; null derives them.", low=1, high=2048, automl=False
    )
    out_channels: tuple[int, ...] = leaf(
        (256, 256), "Channels per stage after upsampling.", low=4, high=2048, automl=False
    )
    upsample_strides: tuple[int, ...] = leaf((1, 2), "Upsampling of each stage.", low=1, high=8, automl=False)
    norm_cfg: NormCfg = block(NormCfg, "Normalisation.")
    upsample_cfg: DeconvCfg = block(DeconvCfg, "Upsampling.", automl=False)
    use_conv_for_no_stride: bool = leaf(True, "Whether a stage that keeps its size passes a convolution.")


@dataclass(frozen=True)
class FusionLayerSpec:
    """Joins the camera's and the LiDAR's bird's-eye view."""

    type: str = leaf("ConvFuser", "Fusion.", choices=("ConvFuser",))
    in_channels: tuple[int, ...] | None = leaf(
        None, "Channels of camera and LiDAR; null derives them.", low=1, high=8192, length=2, automl=False
    )
    out_channels: int = leaf(256, "Channels of the fused map.", low=4, high=2048)
