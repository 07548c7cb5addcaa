import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.registry import MODELS as ROOT_MODELS
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData

from bevfusion.errors import DataError, SpecError
from bevfusion.model.detector import BEVFusion
from bevfusion.model.registry import MODELS
from bevfusion.spec.conventions import CONVENTIONS
from tests.bevfusion.model.golden_model import Batch, batch, build, config

pytestmark = pytest.mark.torch


def scores(model: BEVFusion, data: Batch) -> torch.Tensor:
    with torch.no_grad():
        return model(data.inputs, data.samples, mode="tensor")[-1]["dense_heatmap"]


def total_loss(model: BEVFusion, data: Batch) -> torch.Tensor:
    return model.parse_losses(model(data.inputs, data.samples, mode="loss"))[0]


def without_objects(data: Batch, index: int) -> Batch:
    empty = LiDARInstance3DBoxes(torch.zeros(0, 7))
    data.samples[index].gt_instances_3d = InstanceData(bboxes_3d=empty, labels_3d=torch.zeros(0).long())
    return data


def test_a_few_steps_of_training_lower_the_loss() -> None:
    model, data = MODELS.build(config("tiny_lidar_cam")).train(), batch("tiny_lidar_cam")
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    history = []
    for _ in range(6):
        optimizer.zero_grad()
        loss = total_loss(model, data)
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    assert history[-1] < 0.5 * history[0], history


def test_fresh_model_expects_an_object_in_one_cell_of_ten() -> None:
    model = MODELS.build(config("tiny_lidar"))
    model.init_weights()
    assert model.bbox_head.heatmap_head[-1].bias.sigmoid().item() == pytest.approx(0.1)


def test_every_parameter_of_both_branches_gets_a_gradient() -> None:
    model, data = MODELS.build(config("tiny_lidar_cam")).train(), batch("tiny_lidar_cam")
    total_loss(model, data).backward()
    assert [name for name, value in model.named_parameters() if value.grad is None] == []


def test_black_images_change_the_output() -> None:
    model, data = build("tiny_lidar_cam"), batch("tiny_lidar_cam")
    before = scores(model, data)
    data.inputs["imgs"] = torch.zeros_like(data.inputs["imgs"])
    assert (scores(model, data) - before).abs().max() > 0.1


def test_points_that_the_camera_does_not_see_matter_too() -> None:
    model, data = build("tiny_lidar_cam"), batch("tiny_lidar_cam")
    before = scores(model, data)
    data.inputs["points"] = [cloud[cloud[:, 1].abs() < cloud[:, 0]] for cloud in data.inputs["points"]]
    assert (scores(model, data) - before).abs().max() > 0.1


def test_lidar_only_model_does_not_look_at_images() -> None:
    model, data = build("tiny_lidar"), batch("tiny_lidar")
    before = scores(model, data)
    data.inputs["imgs"] = torch.ones(2, 1, 3, 64, 176)
    assert torch.equal(scores(model, data), before)


def test_sample_without_objects_trains_beside_one_with_objects() -> None:
    model, data = build("tiny_lidar"), batch("tiny_lidar")
    both = model(data.inputs, data.samples, mode="loss")
    one = model(data.inputs, without_objects(data, 0).samples, mode="loss")
    none = model(data.inputs, without_objects(data, 1).samples, mode="loss")
    assert one["loss_heatmap"].isfinite()
    assert both["loss_heatmap"] != one["loss_heatmap"]
    assert none["layer_-1_loss_bbox"] == 0
    assert none["matched_ious"] == 0


def test_map_that_is_not_square_has_a_loss_and_gradients() -> None:
    model, data = build("tiny_lidar_nonsquare"), batch("tiny_lidar_nonsquare")
    loss = total_loss(model, data)
    loss.backward()
    assert 0 < loss.item() < 1000
    assert model.bbox_head.shared_conv.weight.grad.norm() > 0


def test_ground_truth_with_a_yaw_alone_trains_the_nine_number_head() -> None:
    settings = config("tiny_lidar")
    head = settings["bbox_head"]
    head["common_heads"]["rot"] = [6, 2]
    head["bbox_coder"] |= {"type": "TAO3DBBoxCoder", "code_size": 12}
    head["train_cfg"]["code_weights"] = [1.0] * 12
    model, data = MODELS.build(settings), batch("tiny_lidar")
    assert total_loss(model, data).isfinite()
    found = model.eval()(data.inputs, data.samples, mode="predict")[0].pred_instances_3d
    assert found.boxes_9dof.shape == (len(found), 9)
    assert found.bboxes_3d.tensor.shape == (len(found), 7)


@pytest.mark.parametrize("is_training", [True, False])
def test_batch_without_any_point_runs(is_training: bool) -> None:
    model, data = build("tiny_lidar_cam").train(is_training), batch("tiny_lidar_cam")
    data.inputs["points"] = [torch.zeros(0, 4), torch.tensor([[-5.0, 0, 0, 0]])]
    assert total_loss(model, data).isfinite()


def test_each_transformer_layer_has_its_losses() -> None:
    settings = config("tiny_lidar")
    settings["bbox_head"]["num_decoder_layers"] = 2
    data = batch("tiny_lidar")
    found = MODELS.build(settings)(data.inputs, data.samples, mode="loss")
    assert {name for name in found if name.startswith("layer")} == {
        f"layer_{layer}_loss_{part}" for layer in ("0", "-1") for part in ("cls", "bbox")
    }
    settings["bbox_head"]["auxiliary"] = False
    alone = MODELS.build(settings)(data.inputs, data.samples, mode="loss")
    assert {name for name in alone if name.startswith("layer")} == {"layer_-1_loss_cls", "layer_-1_loss_bbox"}


def test_queries_may_start_on_the_border_of_the_map() -> None:
    head = build("tiny_lidar").bbox_head
    heat = torch.full((1, 1, 5, 6), 0.1)
    heat[0, 0, 0, 5], heat[0, 0, 3, 2] = 0.9, 0.8
    heat[0, 0, 2, 2] = 0.7
    peaks = head._peaks(heat)
    assert peaks[0, 0, 0, 5].item() == pytest.approx(0.9)
    assert peaks[0, 0, 2, 2] == 0


def test_small_classes_of_nuscenes_keep_neighbouring_peaks() -> None:
    settings = config("tiny_lidar")["bbox_head"] | {"num_classes": 10}
    settings["test_cfg"]["dataset"] = "nuScenes"
    heat = torch.rand(1, 10, 6, 6)
    peaks = MODELS.build(settings)._peaks(heat)
    assert torch.equal(peaks[:, 8:], heat[:, 8:])
    assert (peaks[:, :8] == 0).any()


@pytest.mark.parametrize("dataset", CONVENTIONS)
def test_persons_of_every_data_set_type_start_at_peaks_alone(dataset: str) -> None:
    settings = config("tiny_lidar")["bbox_head"]
    settings["test_cfg"]["dataset"] = dataset
    heat = torch.full((1, 1, 5, 5), 0.1)
    heat[0, 0, 2, 2:4] = torch.tensor([0.9, 0.8])
    peaks = MODELS.build(settings)._peaks(heat)
    assert peaks[0, 0, 2].tolist() == pytest.approx([0.1, 0, 0.9, 0, 0])


def test_threshold_and_suppression_of_the_config_are_applied() -> None:
    settings = config("tiny_lidar")
    settings["bbox_head"]["bbox_coder"]["score_threshold"] = 0.05
    settings["bbox_head"]["test_cfg"] |= {"nms_type": "circle", "nms_thr": 8.0}
    model, data = MODELS.build(settings).eval(), batch("tiny_lidar")
    model.load_state_dict(build("tiny_lidar").state_dict())
    for sample in model(data.inputs, data.samples, mode="predict"):
        found = sample.pred_instances_3d
        assert 0 < len(found) < 20
        assert found.scores_3d.min() >= 0.05
        distance = torch.pdist(found.bboxes_3d.tensor[:, :2])
        assert distance.numel() == 0 or distance.min() > 8.0


def test_model_builds_and_runs_in_the_scope_that_the_runner_sets() -> None:
    with DefaultScope.overwrite_default_scope("bevfusion"):
        model = ROOT_MODELS.build(config("tiny_lidar_cam"))
    assert isinstance(model, BEVFusion)
    data = batch("tiny_lidar_cam")
    assert total_loss(model, data).isfinite()


def test_low_precision_autocast_stays_near_full_precision() -> None:
    model, data = build("tiny_lidar_cam"), batch("tiny_lidar_cam")
    full = total_loss(model, data).item()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = total_loss(model, data)
    assert low.dtype == torch.float32
    assert low.item() == pytest.approx(full, rel=0.2)


def test_copies_predict_the_same() -> None:
    model, data = build("tiny_lidar"), batch("tiny_lidar")
    assert torch.equal(scores(copy.deepcopy(model), data), scores(model, data))


def broken(change: Callable[[dict[str, Any]], object], name: str = "tiny_lidar_cam") -> dict[str, Any]:
    settings = config(name)
    change(settings)
    return settings


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("img_neck"), r"the camera branch lacks img_neck(.|\n)*LiDAR-only"),
        (
            lambda c: c["pts_voxel_encoder"].update(type="PillarFeatureNet"),
            r"PillarFeatureNet(.|\n)*HardSimpleVFE",
        ),
        (
            lambda c: c["data_preprocessor"]["voxelize_cfg"].update(voxelize_reduce=False),
            r"voxelize_reduce False(.|\n)*voxelize_reduce: true",
        ),
    ],
)
def test_impossible_models_are_refused(change: Callable[[dict[str, Any]], object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        MODELS.build(broken(change))


def test_missing_images_are_told() -> None:
    model, data = build("tiny_lidar_cam"), batch("tiny_lidar_cam")
    del data.inputs["imgs"]
    with pytest.raises(DataError, match=r"no images(.|\n)*use_camera: false"):
        scores(model, data)


def test_sparse_tensor_smaller_than_the_range_names_both_sizes() -> None:
    change = broken(lambda c: c["pts_middle_encoder"].update(sparse_shape=[256, 200, 41]), "tiny_lidar")
    with pytest.raises(SpecError, match=r"\(256, 256, 40\) voxels, the sparse tensor only \(256, 200, 41\)"):
        scores(MODELS.build(change), batch("tiny_lidar"))


def test_grid_that_does_not_fit_the_map_names_both_sizes() -> None:
    change = broken(lambda c: c["bbox_head"]["train_cfg"].update(grid_size=[256, 200, 41]), "tiny_lidar")
    with pytest.raises(SpecError, match=r"the BEV map has \(32, 32\) cells, the grid says \(32, 25\)"):
        total_loss(MODELS.build(change), batch("tiny_lidar"))


def test_recomputed_activations_of_the_backbone_give_the_same_gradients() -> None:
    settings, data = config("tiny_lidar_cam"), batch("tiny_lidar_cam")
    plain = MODELS.build(settings).train()
    settings["img_backbone"]["with_cp"] = True
    frugal = MODELS.build(settings).train()
    frugal.load_state_dict(plain.state_dict())
    calls = []
    frugal.img_backbone.stages[1].blocks[0].attn.register_forward_hook(lambda *_: calls.append(1))
    for model in (plain, frugal):
        torch.manual_seed(5)  # dropped paths must be the same ones again when they are recomputed
        total_loss(model, data).backward()
    assert len(calls) == 2
    for (name, one), two in zip(plain.named_parameters(), frugal.parameters(), strict=True):
        assert torch.equal(one.grad, two.grad), name


def test_frozen_norms_keep_their_averages_while_their_weights_are_trained() -> None:
    model, data = build("tiny_lidar"), batch("tiny_lidar")
    model.freezes_norm = True
    before = {name: value.clone() for name, value in model.named_buffers() if "running" in name}
    total_loss(model.train(), data).backward()
    assert model.bbox_head.training
    for name, value in before.items():
        assert torch.equal(model.get_buffer(name), value), name
    assert model.fusion_layer is None
    assert model.pts_backbone.blocks[0][1].weight.grad.abs().max() > 0
    model.freezes_norm = False
    total_loss(model.train(), data)
    assert any(not torch.equal(model.get_buffer(name), value) for name, value in before.items())
