"""The whole detector: two branches, their fusion, and the head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mmdet3d.models import Base3DDetector
from mmdet3d.structures import Det3DDataSample
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from bevfusion.errors import DataError, SpecError
from bevfusion.model.registry import MODELS
from bevfusion.model.view_transform import CameraRig
from bevfusion.ops.voxel import VoxelGrid, voxelize_mean

__all__ = ["BEVFusion"]

Config = Mapping[str, Any]
Inputs = Mapping[str, Any]


@MODELS.register_module()
class BEVFusion(Base3DDetector):
    """Camera and LiDAR merged in bird's eye view (Liu et al. 2023); LiDAR alone without the image parts.

    Args:
        data_preprocessor: config of mmdet3d's preprocessor, with ``voxelize_cfg`` (``max_num_points``,
            ``point_cloud_range``, ``voxel_size``, ``max_voxels`` of training and inference).
        pts_middle_encoder: config of the sparse encoder.
        pts_backbone: config of the BEV backbone.
        pts_neck: config of the BEV neck.
        bbox_head: config of the head.
        pts_voxel_encoder: config of the voxel features; their mean (``HardSimpleVFE``) is all there is.
        img_backbone: config of the image backbone.
        img_neck: config of the image neck, whose first output is used.
        view_transform: config of the lift to bird's eye view.
        fusion_layer: config of the merge.
        init_cfg: mmengine's initialisation config.

    Raises:
        SpecError: a voxel feature that is not the mean, or a camera branch with parts missing.
    """

    def __init__(  # noqa: PLR0913 - the keys of the model config
        self,
        *,
        data_preprocessor: Config,
        pts_middle_encoder: Config,
        pts_backbone: Config,
        pts_neck: Config,
        bbox_head: Config,
        pts_voxel_encoder: Config | None = None,
        img_backbone: Config | None = None,
        img_neck: Config | None = None,
        view_transform: Config | None = None,
        fusion_layer: Config | None = None,
        init_cfg: Config | None = None,
    ) -> None:
        preprocessor = {key: value for key, value in data_preprocessor.items() if key != "voxelize_cfg"}
        super().__init__(data_preprocessor=MODELS.build(preprocessor), init_cfg=init_cfg)
        voxelize = data_preprocessor["voxelize_cfg"]
        self.voxel_grid = VoxelGrid.from_range(
            voxelize["point_cloud_range"], voxelize["voxel_size"], max_points=voxelize["max_num_points"]
        )
        self.max_voxels = tuple(voxelize["max_voxels"])
        self.point_features = _mean_features(pts_voxel_encoder, voxelize)
        self.pts_middle_encoder = MODELS.build(dict(pts_middle_encoder))
        branch = {
            "img_backbone": img_backbone,
            "img_neck": img_neck,
            "view_transform": view_transform,
            "fusion_layer": fusion_layer,
        }
        for name, part in _camera_branch(branch).items():
            setattr(self, name, part)
        self.pts_backbone = MODELS.build(dict(pts_backbone))
        self.pts_neck = MODELS.build(dict(pts_neck))
        self.bbox_head = MODELS.build(dict(bbox_head))

    freezes_norm = False
    """Whether batch norms go on with the averages they have while the rest is trained."""

    def train(self, mode: bool = True) -> BEVFusion:
        """Switch between training and evaluation."""
        super().train(mode)
        if self.freezes_norm:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    @property
    def uses_camera(self) -> bool:
        """Whether images take part."""
        return self.img_backbone is not None

    def loss(self, inputs: Inputs, data_samples: Sequence[Det3DDataSample]) -> dict[str, Tensor]:
        """Losses of a batch, see :meth:`bevfusion.model.head.BEVFusionHead.loss`.

        Args:
            inputs: ``points``, B clouds (n, F) in the augmented LiDAR frame (m), and with a camera branch
                ``imgs`` (B, N, 3, H, W) normalised.
            data_samples: B samples with the cameras' matrices and ``gt_instances_3d``.
        """
        return self.bbox_head.loss(self.extract_feat(inputs, data_samples), data_samples)

    def predict(self, inputs: Inputs, data_samples: Sequence[Det3DDataSample]) -> list[Det3DDataSample]:
        """Detect objects; the samples come back with ``pred_instances_3d``, see the head's ``predict``."""
        detections = self.bbox_head.predict(self.extract_feat(inputs, data_samples))
        return self.add_pred_to_datasample(list(data_samples), detections)

    def _forward(self, inputs: Inputs, data_samples: Sequence[Det3DDataSample]) -> list[dict[str, Tensor]]:
        """Raw outputs of the head."""
        return self.bbox_head(self.extract_feat(inputs, data_samples))

    def extract_feat(self, inputs: Inputs, data_samples: Sequence[Det3DDataSample]) -> Tensor:
        """Merge both sensors into the BEV map (B, C, X, Y) that the head sees.

        Raises:
            DataError: a camera branch without images.
        """
        bev = self.extract_pts_feat(inputs["points"])
        if self.uses_camera:
            if inputs.get("imgs") is None:
                raise DataError(
                    "the batch has no images, but the model has a camera branch",
                    where="input_modality.use_camera",
                    hint="load images, or train a LiDAR-only model with use_camera: false",
                )
            rig = CameraRig.from_metas([sample.metainfo for sample in data_samples])
            bev = self.fusion_layer([self.extract_img_feat(inputs["imgs"], inputs["points"], rig), bev])
        neck = self.pts_neck(self.pts_backbone(bev))
        return neck[0] if isinstance(neck, list | tuple) else neck

    def extract_img_feat(self, imgs: Tensor, points: Sequence[Tensor], rig: CameraRig) -> Tensor:
        """Turn images (B, N, 3, H, W) into their BEV map (B, C, X, Y)."""
        batch, cameras = imgs.shape[:2]
        features = self.img_neck(self.img_backbone(imgs.flatten(0, 1)))[0]
        return self.view_transform(features.unflatten(0, (batch, cameras)), points, rig)

    def extract_pts_feat(self, points: Sequence[Tensor]) -> Tensor:
        """Turn B clouds (n, F) into their BEV map (B, C, X, Y).

        Raises:
            SpecError: the point cloud range holds more voxels than the sparse tensor.
        """
        clouds = [cloud[:, : self.point_features].float() for cloud in points]
        self._check_shape()
        limit = self.max_voxels[0 if self.training else 1]
        features, coordinates, _ = voxelize_mean(clouds, self.voxel_grid, max_voxels=limit)
        return self.pts_middle_encoder(features, coordinates, len(clouds))

    def _check_shape(self) -> None:
        grid, sparse = self.voxel_grid.shape, self.pts_middle_encoder.sparse_shape
        if any(cells > size for cells, size in zip(grid, sparse, strict=True)):
            raise SpecError(
                f"the range holds {grid} voxels, the sparse tensor only {sparse}",
                where="model.pts_middle_encoder.sparse_shape",
                hint="sparse_shape is (range / voxel_size) along x and y, and one more along z",
            )


def _mean_features(encoder: Config | None, voxelize: Config) -> int | None:
    """Number of point features that are averaged, None for all."""
    kind = (encoder or {}).get("type", "HardSimpleVFE")
    if kind != "HardSimpleVFE" or not voxelize.get("voxelize_reduce", True):
        raise SpecError(
            f"voxel encoder {kind} with voxelize_reduce {voxelize.get('voxelize_reduce', True)}",
            where="model.pts_voxel_encoder.type",
            hint="use HardSimpleVFE and voxelize_reduce: true; a voxel's feature is the mean of its points",
        )
    return (encoder or {}).get("num_features")


def _camera_branch(configs: Mapping[str, Config | None]) -> dict[str, nn.Module | None]:
    missing = [name for name, config in configs.items() if config is None]
    if missing and len(missing) < len(configs):
        raise SpecError(
            f"the camera branch lacks {', '.join(missing)}",
            where=f"model.{missing[0]}",
            hint=f"give all of {', '.join(configs)}, or none for a LiDAR-only model",
        )
    return {name: config and MODELS.build(dict(config)) for name, config in configs.items()}
