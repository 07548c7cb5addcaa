import numpy as np
import pytest
import torch

from bevfusion.model.detector import BEVFusion
from bevfusion.model.targets import draw_heatmaps
from bevfusion.model.view_transform import CameraRig
from tests.bevfusion.model.golden_model import (
    CAMERA_NAMES,
    NAMES,
    TRAINABLE_NAMES,
    arrays,
    batch,
    build,
    follow_reference,
    losses,
)

pytestmark = pytest.mark.torch

CLOSE = {"rtol": 1e-4, "atol": 2e-4}


def record_features(model: BEVFusion) -> dict[str, torch.Tensor]:
    """Fill a dict with the intermediate maps of the next forward pass, under the reference's names."""
    seen: dict[str, torch.Tensor] = {}

    def keep(module: torch.nn.Module, name: str, index: int | None = None) -> None:
        module.register_forward_hook(
            lambda _m, _i, out: seen.__setitem__(name, out if index is None else out[index])
        )

    keep(model.pts_middle_encoder, "lidar_bev")
    keep(model.pts_neck, "neck_out", 0)
    for index in range(2):
        keep(model.pts_backbone, f"pts_backbone_out{index}", index)
    if model.uses_camera:
        for index in range(3):
            keep(model.img_backbone, f"swin_out{index}", index)
        keep(model.img_neck, "img_neck_out0", 0)
        keep(model.view_transform.depthnet, "depthnet_out")
        keep(model.view_transform, "camera_bev")
        keep(model.fusion_layer, "fused_bev")
        model.view_transform.downsample.register_forward_pre_hook(
            lambda _m, args: seen.__setitem__("camera_bev_before_downsample", args[0])
        )
    return seen


@pytest.mark.parametrize("name", NAMES)
def test_forward_pass_reproduces_every_stored_map_and_head_output(name: str) -> None:
    model, data = follow_reference(build(name)), batch(name)
    seen = record_features(model)
    with torch.no_grad():
        outputs = model(data.inputs, data.samples, mode="tensor")[-1]
    found = {f"feat/{key}": value for key, value in seen.items()}
    found |= {f"head/{key}": value for key, value in outputs.items()}
    expected = arrays(name, "outputs_eval.npz")
    compared = sorted(found.keys() & expected.keys())
    assert {key for key in expected if key.startswith("head/")} <= set(compared)
    for key in compared:
        np.testing.assert_allclose(found[key].numpy(), expected[key], err_msg=key, **CLOSE)


@pytest.mark.parametrize("name", NAMES)
def test_decoded_boxes_scores_and_labels_equal_the_reference(name: str) -> None:
    model, data = follow_reference(build(name)), batch(name)
    with torch.no_grad():
        samples = model(data.inputs, data.samples, mode="predict")
    expected = arrays(name, "outputs_eval.npz")
    for index, sample in enumerate(samples):
        found = sample.pred_instances_3d
        boxes = found.boxes_9dof if "boxes_9dof" in found else found.bboxes_3d.tensor
        np.testing.assert_allclose(boxes.numpy(), expected[f"pred{index}/bboxes_3d"], atol=1e-3)
        np.testing.assert_allclose(found.scores_3d.numpy(), expected[f"pred{index}/scores_3d"], atol=1e-4)
        np.testing.assert_array_equal(found.labels_3d.numpy(), expected[f"pred{index}/labels_3d"])


@pytest.mark.parametrize("name", TRAINABLE_NAMES)
def test_targets_equal_the_reference(name: str) -> None:
    model, data = follow_reference(build(name)), batch(name)
    head, expected = model.bbox_head, arrays(name, "targets_eval.npz")
    with torch.no_grad():
        outputs = model(data.inputs, data.samples, mode="tensor")[-1]
    truths = [head._ground_truth(sample, torch.device("cpu")) for sample in data.samples]
    found = head.match(outputs, truths)
    np.testing.assert_array_equal(found.labels.numpy(), expected["labels"])
    np.testing.assert_allclose(found.boxes.numpy(), expected["bbox_targets"], atol=1e-6)
    np.testing.assert_array_equal(found.is_positive.numpy(), expected["bbox_weights"][..., 0] > 0)
    np.testing.assert_allclose(found.ious.numpy(), expected["ious"], atol=1e-4)
    heat = draw_heatmaps(truths, head.grid, num_classes=1, min_overlap=0.1, min_radius=2)
    np.testing.assert_allclose(heat.numpy(), expected["heatmap"], atol=1e-6)


@pytest.mark.parametrize("name", TRAINABLE_NAMES)
def test_losses_and_gradients_equal_the_reference_in_evaluation_mode(name: str) -> None:
    model, data = follow_reference(build(name)), batch(name)
    total, logged = model.parse_losses(model(data.inputs, data.samples, mode="loss"))
    total.backward()
    expected = losses(name)
    for key, value in expected["eval_mode"].items():
        assert logged[key].item() == pytest.approx(value, rel=1e-4), key
    gradients = {key: value.grad for key, value in model.named_parameters() if value.grad is not None}
    for key, value in expected["eval_mode_grad_l2"].items():
        norm = gradients[key].norm().item() if key in gradients else 0.0
        assert norm == pytest.approx(value, rel=1e-3, abs=1e-6), key
    for key, value in arrays(name, "grads_eval.npz").items():
        np.testing.assert_allclose(gradients[key].numpy(), value, rtol=1e-2, atol=1e-3 * np.abs(value).max())


@pytest.mark.parametrize("name", TRAINABLE_NAMES)
def test_losses_equal_the_reference_with_batch_statistics_and_no_dropout(name: str) -> None:
    model, data = follow_reference(build(name)).train(), batch(name)
    for module in model.modules():
        for setting in ("p", "dropout", "drop_prob"):
            if isinstance(getattr(module, setting, None), float):
                setattr(module, setting, 0.0)
    _, logged = model.parse_losses(model(data.inputs, data.samples, mode="loss"))
    for key, value in losses(name)["train_mode_no_dropout"].items():
        assert logged[key].item() == pytest.approx(value, rel=1e-4), key


@pytest.mark.parametrize("name", CAMERA_NAMES)
def test_frustum_lies_where_the_reference_puts_it(name: str) -> None:
    expected = arrays(name, "outputs_eval.npz").get("feat/frustum_points_lidar")
    if expected is None:
        pytest.skip("intermediate features are too large to be committed; set BEVFUSION_GOLDEN_DIR")
    rig = CameraRig.from_metas([sample.metainfo for sample in batch(name).samples])
    found = build(name).view_transform.frustum_in_lidar(rig)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-4)
