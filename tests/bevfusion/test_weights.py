from pathlib import Path

import pytest

pytestmark = pytest.mark.torch

import torch  # noqa: E402
from torch import nn  # noqa: E402

from bevfusion.errors import CheckpointError  # noqa: E402
from bevfusion.model import register  # noqa: E402
from bevfusion.model.registry import MODELS  # noqa: E402
from bevfusion.model.weight_names import name_swin  # noqa: E402
from bevfusion.weights import load_weights  # noqa: E402
from tests.bevfusion.model.foreign_weights import as_mit, publish  # noqa: E402
from tests.bevfusion.model.golden_model import build, config  # noqa: E402


def written(path: Path, state: object) -> Path:
    torch.save(state, path)
    return path


def fresh(name: str) -> nn.Module:
    register()
    torch.manual_seed(1)
    return MODELS.build(config(name))


def test_weights_that_fit_are_copied_and_the_rest_is_named(tmp_path):
    state = {"0.weight": torch.ones(2, 2), "head.weight": torch.ones(3), "epoch": 3}
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    report = load_weights(model, written(tmp_path / "a.pth", {"state_dict": state}), min_matched=0.5)
    assert model[0].weight.tolist() == [[1.0, 1.0], [1.0, 1.0]]
    assert str(report).startswith("1/4 tensors matched, 3 new: 0.bias.* (1), 1.weight.* (1), 1.bias.* (1)")
    assert str(report).endswith("1 unused: head.weight.* (1)")
    assert report.matched_share == 0.5  # one of the two that the file has


def test_every_tensor_must_fit_unless_a_part_is_asked_for(tmp_path):
    path = written(tmp_path / "a.pth", {"0.weight": torch.ones(2, 2)})
    model = nn.Sequential(nn.Linear(2, 2))
    with pytest.raises(
        CheckpointError, match=r"1/2 tensors matched.*\n.*all tensors of the model must match"
    ):
        load_weights(model, path)
    assert load_weights(model, path, min_matched=1.0).matched_share == 1.0


def test_weights_of_another_model_are_refused_with_the_share_that_is_asked_for(tmp_path):
    path = written(tmp_path / "a.pth", {"0.weight": torch.ones(2, 2), "1.weight": torch.ones(9)})
    with pytest.raises(CheckpointError, match=r"1/2 tensors matched.*\n.*at least 60% must match"):
        load_weights(nn.Sequential(nn.Linear(2, 2)), path, min_matched=0.6)


def test_weights_for_other_classes_are_refused(tmp_path):
    model = nn.Sequential(nn.Linear(2, 2))
    state = {"meta": {"classes": ["car"]}, "state_dict": model.state_dict()}
    path = written(tmp_path / "a.pth", state)
    with pytest.raises(CheckpointError, match=r"classes \['car'\], the spec has \['person'\]"):
        load_weights(model, path, classes=["person"])
    assert load_weights(model, path, classes=["car"]).new == ()


def test_lidar_only_weights_start_a_fused_model_and_all_of_them_are_used(tmp_path):
    lidar = build("tiny_lidar").state_dict()
    fused = fresh("tiny_lidar_cam")
    camera = {name for name in fused.state_dict() if name not in lidar}
    report = load_weights(fused, written(tmp_path / "lidar.pth", lidar), min_matched=0.9)
    mine = fused.state_dict()
    assert all(torch.equal(mine[name], value) for name, value in lidar.items())
    assert (len(report.matched), set(report.new), report.unused) == (len(lidar), camera, ())
    groups = "img_backbone.* (131), img_neck.* (24), view_transform.* (59), fusion_layer.* (6)"
    assert str(report) == f"262/482 tensors matched, 220 new: {groups}"


@pytest.mark.parametrize("stored_as", ["plain dict", "mmengine", "MIT"])
def test_a_checkpoint_without_metadata_keeps_its_sparse_kernels(tmp_path, stored_as):
    expected = build("tiny_lidar_cam").state_dict()
    plain = dict(expected)  # a plain dict has lost the versions that torch keeps beside the names
    stored = {"plain dict": plain, "mmengine": {"state_dict": expected}, "MIT": {"state_dict": as_mit(plain)}}
    model = fresh("tiny_lidar_cam")
    report = load_weights(model, written(tmp_path / "a.pth", stored[stored_as]))
    assert (report.new, report.unused) == ((), ())
    for name, value in model.state_dict().items():
        assert torch.equal(value, expected[name]), name


def test_a_published_backbone_starts_the_camera_branch_alone(tmp_path):
    donor, model = build("tiny_lidar_cam").img_backbone, fresh("tiny_lidar_cam").img_backbone
    published = {
        name: value
        for name, value in publish(donor.state_dict(), merging_before_stage=False).items()
        if not name.startswith("norm")  # a classifier has no norm of each stage
    }
    report = load_weights(
        model, written(tmp_path / "swin.pth", {"model": published}), min_matched=0.9, rename=name_swin
    )
    assert {name.partition(".")[0] for name in report.new} == {"norm1", "norm2", "norm3"}
    assert report.unused == ("head.weight",)
    assert torch.equal(
        model.stages[1].downsample.reduction.weight, donor.stages[1].downsample.reduction.weight
    )
