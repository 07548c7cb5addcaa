import pytest

pytestmark = pytest.mark.torch

from bevfusion.build import build_model, model_config  # noqa: E402
from bevfusion.errors import SpecError  # noqa: E402
from bevfusion.model.suppression import Suppression  # noqa: E402
from bevfusion.spec import load_spec  # noqa: E402
from tests.bevfusion.conftest import PROFILE  # noqa: E402

CAMERA_PARTS = {"img_backbone", "img_neck", "view_transform", "fusion_layer"}


def test_a_lidar_only_spec_has_no_camera_parts():
    fused = model_config(load_spec(PROFILE)).keys()
    alone = model_config(load_spec(PROFILE, ["input_modality.use_camera=false"])).keys()
    assert fused - alone == CAMERA_PARTS


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([], Suppression(None, 0.0)),
        (["nms_type=circle"], Suppression("circle", 0.4)),
        (["nms_type=rotate"], Suppression("rotate", 0.2)),
        (["nms_type=circle", "nms_thr=0.7"], Suppression("circle", 0.7)),
    ],
)
def test_suppression_of_the_spec_reaches_the_head(overrides, expected):
    head = (f"model.bbox_head.{override}" for override in overrides)
    spec = load_spec(PROFILE, ["input_modality.use_camera=false", *head])
    assert build_model(spec).bbox_head.suppression == expected


def test_a_part_that_refuses_its_arguments_is_a_fault_of_the_spec(monkeypatch):
    def refuse(_: object) -> None:
        raise AssertionError("embed_dim must be divisible by num_heads")

    monkeypatch.setattr("bevfusion.build.MODELS.build", refuse)
    with pytest.raises(SpecError, match=r"model: the model cannot be built: embed_dim must be divisible"):
        build_model(load_spec(PROFILE))
