"""The detector as a whole."""

from __future__ import annotations

from dataclasses import dataclass

from bevfusion.spec.camera import ImgBackboneSpec, ImgNeckSpec, ViewTransformSpec
from bevfusion.spec.head import BBoxHeadSpec
from bevfusion.spec.leaf import block, leaf
from bevfusion.spec.lidar import (
    DataPreprocessorSpec,
    FusionLayerSpec,
    MiddleEncoderSpec,
    PtsBackboneSpec,
    PtsNeckSpec,
    VoxelEncoderSpec,
)

__all__ = ["ModelSpec"]


@dataclass(frozen=True)
class ModelSpec:
    """BEVFusion (Liu et al., 2023): geometry of the scene and the parts of the network."""

    type: str = leaf("BEVFusion", "Detector.", choices=("BEVFusion",))
    point_cloud_range: tuple[float, ...] = leaf(
        (0.0, -40.0, -3.0, 70.4, 40.0, 1.0),
        "The scene: least x, y, z and greatest x, y, z in the LiDAR frame (m).",
        low=-1000.0,
        high=1000.0,
        length=6,
        automl=False,
    )
    voxel_size: tuple[float, ...] = leaf(
        (0.05, 0.05, 0.1), "Edges of a voxel along x, y, z (m).", low=0.001, high=10.0, length=3, automl=False
    )
    post_center_range: tuple[float, ...] | None = leaf(
        None,
        "Detections whose centre lies outside are dropped; null takes the scene, one cell wider and three"
        " times as high.",
        low=-10000.0,
        high=10000.0,
        length=6,
        automl=False,
    )
    grid_size: tuple[int, ...] | None = leaf(
        None, "Voxels along x, y, z; null derives them.", low=1, high=20000, length=3, automl=False
    )
    data_preprocessor: DataPreprocessorSpec = block(DataPreprocessorSpec, "Preprocessing.", automl=False)
    img_backbone: ImgBackboneSpec = block(ImgBackboneSpec, "Image backbone.")
    img_neck: ImgNeckSpec = block(ImgNeckSpec, "Image neck.")
    view_transform: ViewTransformSpec = block(ViewTransformSpec, "Lift of the image into the scene.")
    pts_backbone: PtsBackboneSpec = block(PtsBackboneSpec, "Backbone of the bird's-eye view.")
    pts_voxel_encoder: VoxelEncoderSpec = block(VoxelEncoderSpec, "Voxel features.", automl=False)
    pts_middle_encoder: MiddleEncoderSpec = block(MiddleEncoderSpec, "Sparse encoder.")
    pts_neck: PtsNeckSpec = block(PtsNeckSpec, "Neck of the bird's-eye view.")
    fusion_layer: FusionLayerSpec = block(FusionLayerSpec, "Fusion of camera and LiDAR.")
    bbox_head: BBoxHeadSpec = block(BBoxHeadSpec, "Detection head.")
