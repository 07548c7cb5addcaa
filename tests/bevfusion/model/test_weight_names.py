import copy

import pytest
import torch
from mmdet.models import SwinTransformer
from torch import nn

from bevfusion.model.weight_names import adapt_shape, name_detector, name_swin
from tests.bevfusion.model.foreign_weights import as_mit, publish
from tests.bevfusion.model.golden_model import build

pytestmark = pytest.mark.torch


def swin(window: int = 4) -> SwinTransformer:
    model = SwinTransformer(
        embed_dims=8, depths=(2, 1), num_heads=(2, 2), strides=(4, 2), out_indices=(0, 1), window_size=window
    )
    model.eval()
    return model


@pytest.fixture
def reference() -> SwinTransformer:
    """A Swin Transformer in which no two weights are alike."""
    model = swin()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model


LAYOUTS = {
    "official": lambda weights: publish(weights, merging_before_stage=False),
    "official detector": lambda weights: {
        f"module.backbone.{name}": value
        for name, value in publish(weights, merging_before_stage=False).items()
    },
    "timm": lambda weights: publish(weights, merging_before_stage=True),
    "mmdet": lambda weights: {f"backbone.{name}": value for name, value in weights.items()},
    "ours": lambda weights: {f"img_backbone.{name}": value for name, value in weights.items()},
    "MIT": lambda weights: {f"encoders.camera.backbone.{name}": value for name, value in weights.items()},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_swin_weights_of_each_layout_give_the_same_features(reference, layout):
    stored = LAYOUTS[layout](reference.state_dict()) | {"neck.conv.weight": torch.zeros(1)}
    model = swin()
    found = model.load_state_dict(name_swin(stored), strict=False)
    assert found.missing_keys == []
    image = torch.randn(1, 3, 64, 96)
    for ours, theirs in zip(model(image), reference(image), strict=True):
        assert torch.equal(ours, theirs)


def test_features_of_the_official_layout_depend_on_the_order_of_patches(reference):
    stored = publish(reference.state_dict(), merging_before_stage=False)
    stored["layers.0.downsample.reduction.weight"] = reference.state_dict()[
        "stages.0.downsample.reduction.weight"
    ]
    model = swin()
    model.load_state_dict(name_swin(stored), strict=False)
    image = torch.randn(1, 3, 64, 96)
    assert torch.equal(model(image)[0], reference(image)[0])
    assert not torch.allclose(model(image)[1], reference(image)[1], atol=0.1)


def test_weights_without_a_swin_give_none():
    assert name_swin({"conv1.weight": torch.zeros(1)}) == {}


def test_position_biases_of_another_window_are_resampled_around_the_same_centre(reference):
    name = "stages.0.blocks.0.attn.w_msa.relative_position_bias_table"
    table = reference.state_dict()[name]  # 7 x 7 offsets of a window of 4
    larger = adapt_shape(name, table, (13 * 13, 2))
    assert larger.shape == (169, 2)
    torch.testing.assert_close(larger[84], table[24])  # no offset at all
    flat = adapt_shape(name, torch.full((49, 2), 0.5), (169, 2))
    torch.testing.assert_close(flat, torch.full((169, 2), 0.5))
    assert adapt_shape(name, table, (169, 3)) is None


@pytest.mark.parametrize("wrapper", ["", "module."])
def test_detector_of_mit_gets_our_names_and_our_kernels(wrapper):
    expected = build("tiny_lidar_cam").state_dict()
    foreign = {wrapper + name: value for name, value in as_mit(expected).items()}
    assert f"{wrapper}heads.object.decoder.0.multihead_attn.in_proj_weight" in foreign
    found = name_detector(foreign)
    assert found.keys() == expected.keys()
    for name, value in found.items():
        assert torch.equal(adapt_shape(name, value, tuple(expected[name].shape)), expected[name]), name


def test_our_own_names_and_unknown_ones_stay(reference):
    own = build("tiny_lidar").state_dict() | {"heads.map.classifier.weight": torch.zeros(1)}
    assert list(name_detector(copy.copy(own))) == list(own)
