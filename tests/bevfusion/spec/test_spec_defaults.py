"""The defaults that TAO users know, and what follows from them."""

from functools import reduce
from typing import Any

import pytest

from bevfusion.spec.leaf import Leaf, members
from bevfusion.spec.schema import ACTIONS, template


def at(spec: Any, key: str) -> Any:
    return reduce(
        lambda found, part: found[part] if isinstance(found, dict) else getattr(found, part),
        key.split("."),
        spec,
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("dataset.classes", ["person"]),
        ("dataset.type", "KittiPersonDataset"),
        ("dataset.root_dir", ""),
        ("dataset.box_type_3d", "lidar"),
        ("dataset.train_dataset.batch_size", 4),
        ("train.optimizer.lr", 2e-4),
        ("train.optimizer.type", "AdamW"),
        ("train.optimizer.weight_decay", 0.01),
        ("train.optimizer.wrapper_type", "OptimWrapper"),
        ("train.optimizer.clip_grad", {"max_norm": 35.0, "norm_type": 2.0}),
        ("train.num_epochs", 10),
        ("train.num_gpus", 1),
        ("train.gpu_ids", [0]),
        ("train.num_nodes", 1),
        ("train.pretrained_checkpoint", None),
        ("train.resume_training_checkpoint_path", None),
        ("input_modality.use_lidar", True),
        ("input_modality.use_camera", True),
        ("input_modality.use_radar", False),
        ("input_modality.use_map", False),
        ("model.img_backbone.type", "mmdet.SwinTransformer"),
        ("model.img_backbone.embed_dims", 96),
        ("model.img_backbone.depths", [2, 2, 6, 2]),
        ("model.view_transform.type", "DepthLSSTransform"),
        ("model.point_cloud_range", [0, -40, -3, 70.4, 40, 1]),
        ("model.voxel_size", [0.05, 0.05, 0.1]),
        ("model.bbox_head.num_proposals", 200),
        ("model.bbox_head.bbox_coder.type", "TAO3DBBoxCoder"),
        ("model.grid_size", None),
        ("encryption_key", ""),
    ],
)
def test_template_has_the_default_tao_users_know(key, value):
    assert at(template("train"), key) == value


@pytest.mark.parametrize(
    ("kind", "frame", "origin", "camera", "folders"),
    [
        (
            "KittiPersonDataset", "camera", (0.5, 1.0, 0.5), "CAM2",
            ("training/velodyne_reduced", "training/image_2"),
        ),
        ("TAO3DDataset", "lidar", (0.5, 0.5, 0.5), "CAM0", ("training/lidar_reduced", "training/images")),
        (
            "TAO3DSyntheticDataset", "camera", (0.5, 0.5, 0.0), "CAM0",
            ("training/lidar_reduced", "training/images"),
        ),
    ],
)  # fmt: skip
def test_type_of_the_data_set_prescribes_its_conventions(load, kind, frame, origin, camera, folders):
    dataset = load(f"dataset: {{type: {kind}}}").dataset
    assert (dataset.gt_box_type, dataset.origin, dataset.default_cam_key) == (frame, origin, camera)
    for part in (dataset.train_dataset, dataset.val_dataset, dataset.test_dataset):
        assert (part.data_prefix.pts, part.data_prefix.img) == folders


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("grid_size", (1408, 1600, 40)),
        ("pts_middle_encoder.sparse_shape", (1408, 1600, 41)),
        ("pts_middle_encoder.base_channels", 16),
        ("view_transform.xbound", (0.0, 70.4, 0.2)),
        ("view_transform.ybound", (-40.0, 40.0, 0.2)),
        ("view_transform.feature_size", (32, 88)),
        ("view_transform.in_channels", 256),
        ("post_center_range", (-0.4, -40.4, -7.0, 70.8, 40.4, 5.0)),
        ("img_neck.in_channels", (192, 384, 768)),
        ("fusion_layer.in_channels", (80, 256)),
        ("pts_backbone.in_channels", 256),
        ("pts_neck.in_channels", (128, 256)),
        ("bbox_head.in_channels", 512),
        ("bbox_head.num_classes", 1),
        ("bbox_head.bbox_coder.code_size", 12),
        ("bbox_head.common_heads.rot", (6, 2)),
        ("bbox_head.code_weights", (1.0,) * 12),
        ("bbox_head.decoder_layer.pos_encoding_cfg.num_pos_feats", 128),
    ],
)
def test_default_range_derives_one_geometry_for_both_sensors(load, key, value):
    assert at(load().model, key) == value


def test_tiny_profile_meets_its_two_sensors_in_96_cells():
    from pathlib import Path

    from bevfusion.spec import load_spec

    model = load_spec(Path(__file__).parents[3] / "references" / "profile_tiny.yaml").model
    cells = [n / model.bbox_head.out_size_factor for n in model.grid_size[:2]]
    x0, x1, step = model.view_transform.xbound
    assert (x1 - x0) / step / model.view_transform.downsample == pytest.approx(cells[0])
    assert model.pts_backbone.in_channels == model.fusion_layer.out_channels
    assert model.bbox_head.bbox_coder.code_size == 8


def test_lidar_only_feeds_the_backbone_with_the_folded_slices(load):
    model = load("", "input_modality.use_camera=false", "model.pts_middle_encoder.output_channels=64").model
    assert model.pts_backbone.in_channels == 64 * 2


def test_every_searchable_number_has_finite_bounds():
    open_keys = []

    def visit(kind, path):
        for member in members(kind):
            if isinstance(member.about, Leaf):
                is_number = member.hint in (int, float) and not member.about.choices
                if member.about.automl and is_number and None in (member.about.low, member.about.high):
                    open_keys.append(path + member.name)
            else:
                visit(member.hint, f"{path}{member.name}.")

    visit(type(ACTIONS["train"]), "")
    assert open_keys == []
