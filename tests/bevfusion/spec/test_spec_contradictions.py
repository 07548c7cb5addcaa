"""Every refusal names the key, both numbers, and what to do."""

import pytest

from bevfusion.errors import SpecError


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ("model: {grid_size: [1440, 1440, 41]}", "model.grid_size", ["[1440, 1440, 41]", "[1408, 1600, 40]"]),
        (
            "model: {pts_middle_encoder: {sparse_shape: [1440, 1440, 41]}}",
            "model.pts_middle_encoder.sparse_shape",
            ["[1440, 1440, 41]", "[1408, 1600, 41]"],
        ),
        (
            "model: {view_transform: {xbound: [-54, 54, 0.3]}}",
            "model.view_transform.xbound",
            ["[-54, 54, 0.3]", "[0, 70.4, 0.2]"],
        ),
        (
            "model: {point_cloud_range: [0, -40, -3, 70.41, 40, 1]}",
            "model.point_cloud_range",
            ["0..70.41 m along x", "1408.200 voxels"],
        ),
        (
            "model: {point_cloud_range: [0, 40, -3, 70.4, -40, 1]}",
            "model.point_cloud_range",
            ["y ends at -40", "begins at 40"],
        ),
        (
            "model: {point_cloud_range: [0, -40, -3, 70.2, 40, 1]}",
            "model.bbox_head.out_size_factor",
            ["1404 voxels along x", "stride 8"],
        ),
        (
            "model: {point_cloud_range: [0, -40, -3, 70.4, 40, -2.2]}",
            "model.pts_middle_encoder.encoder_paddings",
            ["8 voxels along z", "4 stages"],
        ),
        (
            "model: {bbox_head: {out_size_factor: 4}}",
            "model.pts_neck.upsample_strides",
            ["176 cells along x", "out_size_factor 4 asks for 352"],
        ),
        (
            "model: {pts_neck: {upsample_strides: [1]}}",
            "model.pts_neck.upsample_strides",
            ["1 stages are upsampled", "has 2"],
        ),
        (
            "model: {pts_middle_encoder: {encoder_channels: [[16, 32], [32, 64]]}}",
            "model.pts_middle_encoder.encoder_paddings",
            ["[3, 3, 3, 2]", "[2, 2]"],
        ),
        (
            "model: {pts_middle_encoder: {encoder_channels: [[], [32, 64]], encoder_paddings: [[], [0, 0]]}}",
            "model.pts_middle_encoder.encoder_channels",
            ["layers per stage are [0, 2]", "give every stage a layer"],
        ),
        (
            "model: {pts_middle_encoder: {encoder_paddings: [[0, 0, [1, 1]], [0, 0, 1], [0, 0, 1], [0, 0]]}}",
            "model.pts_middle_encoder.encoder_paddings",
            ["three numbers"],
        ),
        (
            "model: {pts_middle_encoder: {encoder_channels: [[8, 8, 32], [48, 8, 8], [8, 8, 8], [8, 8]]}}",
            "model.pts_middle_encoder.encoder_channels",
            ["stage 1 has a layer of 48 channels after one of 32"],
        ),
        ("dataset: {classes: []}", "dataset.classes", ["empty", "[person]"]),
        ("dataset: {classes: [person, person]}", "dataset.classes", ["twice"]),
        (
            "dataset: {classes: [person, car]}\nmodel: {bbox_head: {num_classes: 3}}",
            "num_classes",
            ["3 contradicts 2"],
        ),
        (
            "dataset: {type: TAO3DDataset, gt_box_type: camera}",
            "dataset.gt_box_type",
            ["camera is not TAO3DDataset's lidar"],
        ),
        (
            "dataset: {origin: [0.5, 0.5, 0.5]}",
            "dataset.origin",
            ["[0.5, 0.5, 0.5] is not KittiPersonDataset's [0.5, 1.0, 0.5]"],
        ),
        ("dataset: {box_type_3d: camera}", "dataset.box_type_3d", ["LiDAR frame"]),
        ("dataset: {per_sequence: true}", "dataset.per_sequence", ["True is not KittiPersonDataset's False"]),
        ("input_modality: {use_radar: true}", "input_modality.use_radar", ["radar input is not supported"]),
        ("input_modality: {use_map: true}", "input_modality.use_map", ["map input is not supported"]),
        ("input_modality: {use_lidar: false}", "input_modality.use_lidar", ["camera alone is not supported"]),
        (
            "input_modality: {use_lidar: false, use_camera: false}",
            "input_modality.use_lidar",
            ["no sensor at all"],
        ),
        (
            "model: {view_transform: {image_size: [64, 176]}}",
            "model.view_transform.image_size",
            ["176 px", "32 (pad_size_divisor)"],
        ),
        (
            "model: {img_backbone: {out_indices: [2, 3]}}",
            "model.img_backbone.out_indices",
            ["stage 2 gives 1/16"],
        ),
        ("model: {img_backbone: {out_indices: [3, 1]}}", "model.img_backbone.out_indices", ["[3, 1]"]),
        (
            "model: {img_backbone: {depths: [2, 2]}}",
            "model.img_backbone.num_heads",
            ["2 depths and 4 num_heads"],
        ),
        (
            "model: {img_backbone: {embed_dims: 32}}",
            "model.img_backbone.num_heads",
            ["3 heads", "32 channels"],
        ),
        (
            "model: {img_neck: {start_level: 2}}",
            "model.img_neck.start_level",
            ["start_level 2", "of 3 stages"],
        ),
        ("model: {img_neck: {in_channels: [1, 2, 3]}}", "model.img_neck.in_channels", ["[192, 384, 768]"]),
        ("model: {view_transform: {zbound: [-10, 10, 10]}}", "model.view_transform.zbound", ["single cell"]),
        ("model: {view_transform: {zbound: [-10, 10, 0]}}", "model.view_transform.zbound", ["single cell"]),
        ("model: {view_transform: {dbound: [1, 60, 0.7]}}", "model.view_transform.dbound", ["depth bins"]),
        (
            "model: {pts_backbone: {layer_nums: [5]}}",
            "model.pts_backbone.layer_nums",
            ["1 entries for 2 stages"],
        ),
        (
            "model: {pts_neck: {out_channels: [64]}}",
            "model.pts_neck.out_channels",
            ["1 entries for 2 stages"],
        ),
        (
            "model: {pts_middle_encoder: {order: [conv, conv, act]}}",
            "model.pts_middle_encoder.order",
            ["['conv', 'conv', 'act']"],
        ),
        (
            "model: {bbox_head: {decoder_layer: {self_attn_cfg: {num_heads: 7}}}}",
            "self_attn_cfg.num_heads",
            ["7 heads", "hidden_channel 128"],
        ),
        ("model: {bbox_head: {nms_thr: 0.3}}", "model.bbox_head.nms_thr", ["0.3 has no meaning"]),
        (
            "model: {bbox_head: {nms_type: soft}}",
            "model.bbox_head.nms_type",
            ["'soft'", "'circle', 'rotate'"],
        ),
        ("encryption_key: secret", "encryption_key", ["environment variable BEVFUSION_ENCRYPTION_KEY"]),
        (
            "model: {bbox_head: {bbox_coder: {type: TransFusionBBoxCoder, code_size: 12}}}",
            "bbox_coder.code_size",
            ["12 contradicts 8"],
        ),
        (
            "model: {bbox_head: {code_weights: [1, 1]}}",
            "model.bbox_head.code_weights",
            ["2 weights for 12 box numbers"],
        ),
    ],
)
def test_contradiction_is_refused_with_its_numbers(load, text, where, words):
    with pytest.raises(SpecError) as caught:
        load(text)
    fault = next(f for f in caught.value.faults if where in f.where)
    assert "spec.yaml:" in fault.where
    for word in words:
        assert word in str(fault)


def test_all_contradictions_are_told_at_once(load):
    with pytest.raises(SpecError) as caught:
        load("dataset: {classes: []}\ninput_modality: {use_map: true}\nmodel: {grid_size: [1, 1, 1]}\nx: 1")
    assert {fault.where.split(":")[-1] for fault in caught.value.faults} >= {
        "dataset.classes",
        "input_modality.use_map",
        "model.grid_size",
        "x",
    }


@pytest.mark.parametrize("size", ["[1408, 1600, 40]", "[1408, 1600, 41]"])
def test_grid_size_may_count_the_extra_slice_or_not(load, size):
    assert load(f"model: {{grid_size: {size}}}").model.grid_size[:2] == (1408, 1600)


def test_cells_are_counted_by_rounding(load):
    """38.4 / 0.8 is a hair under 48 in floating point."""
    from bevfusion.spec.geometry import count_cells

    assert count_cells(0.0, 38.4, 0.8) == 48
    assert count_cells(0.0, 1.0, 0.3) is None
    assert count_cells(0.0, 1.0, 0.0) is None


def test_derive_refuses_what_was_built_by_hand():
    from dataclasses import replace

    from bevfusion.spec import ExperimentSpec, derive

    spec = ExperimentSpec()
    with pytest.raises(SpecError, match=r"model.grid_size: \[1, 2, 3\] contradicts \[1408, 1600, 40\]"):
        derive(replace(spec, model=replace(spec.model, grid_size=(1, 2, 3))))


def test_deriving_twice_changes_nothing(load):
    from bevfusion.spec import derive

    spec = load()
    assert derive(spec) == spec


@pytest.mark.parametrize(
    ("override", "where", "words"),
    [
        ("train.validation_interval=11", "train.validation_interval", "within 10 epochs"),
        ("dataset.val_dataset.ann_file=a.pkl", "dataset.test_dataset.ann_file", "same frames"),
    ],
)
def test_doubtful_specs_are_warned_of(load, override, where, words):
    from bevfusion.spec.checks import find_warnings

    (warning,) = find_warnings(load("dataset: {test_dataset: {ann_file: a.pkl}}", override))
    assert warning.where == where
    assert words in warning.message
