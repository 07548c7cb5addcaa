import copy
import json
from typing import Any

import pytest
import torch

from bevfusion.model.registry import MODELS
from tests.bevfusion.model.golden_model import COMMITTED, arrays, build

pytestmark = pytest.mark.torch


def stored(name: str) -> dict[str, Any]:
    return json.loads((COMMITTED / name).read_text())


def tao_config() -> dict[str, Any]:
    model = stored("tao_default_resolved_model_config.json")
    model.pop("test_cfg")
    return model


def nuscenes_config() -> dict[str, Any]:
    """mmdet3d's default: TAO's with five point features, ten classes, velocity and a yaw alone."""
    model = copy.deepcopy(tao_config())
    head = model["bbox_head"]
    head |= {"type": "TransFusionHead", "num_classes": 10}
    head["common_heads"] |= {"rot": [2, 2], "vel": [2, 2]}
    head["bbox_coder"] |= {"type": "TransFusionBBoxCoder", "code_size": 10}
    model["pts_middle_encoder"]["in_channels"] = 5
    return model


def lidar_only(model: dict[str, Any]) -> dict[str, Any]:
    camera = {"img_backbone", "img_neck", "view_transform", "fusion_layer"}
    return {key: value for key, value in model.items() if key not in camera}


@pytest.mark.parametrize(
    ("model", "keys"),
    [
        (tao_config(), "state_dict_keys_tao_default.json"),
        (nuscenes_config(), "state_dict_keys_mmdet3d_nuscenes_lidar_cam.json"),
        (lidar_only(nuscenes_config()), "state_dict_keys_mmdet3d_nuscenes_lidar.json"),
    ],
)
def test_names_shapes_and_types_of_default_models_equal_the_reference(
    model: dict[str, Any], keys: str
) -> None:
    state = MODELS.build(model).state_dict()
    found = {
        key: [list(value.shape), str(value.dtype).removeprefix("torch.")] for key, value in state.items()
    }
    assert found == stored(keys)


def test_plain_state_dict_loads_without_turned_sparse_weights() -> None:
    model = build("tiny_lidar")
    for key, value in arrays("tiny_lidar", "state_dict.npz").items():
        assert torch.equal(model.state_dict()[key], torch.from_numpy(value)), key


def test_weights_in_the_layout_of_spconv_1_are_turned() -> None:
    model = build("tiny_lidar")
    key = "pts_middle_encoder.conv_input.0.weight"
    expected = model.state_dict()[key].clone()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    for name, value in state.items():
        if value.dim() == 5:
            state[name] = value.permute(1, 2, 3, 4, 0)
    model.load_state_dict(state)
    assert torch.equal(model.state_dict()[key], expected)


def test_building_leaves_the_config_as_it_was() -> None:
    model = tao_config()
    before = copy.deepcopy(model)
    MODELS.build(model)
    assert model == before
