"""Trainings that go on from what another has left."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.torch

import torch  # noqa: E402
from mmengine.hooks import Hook  # noqa: E402
from mmengine.runner import EpochBasedTrainLoop  # noqa: E402
from torch.nn import BatchNorm2d  # noqa: E402

from bevfusion import checkpoints  # noqa: E402
from bevfusion.actions import train  # noqa: E402
from bevfusion.encryption import KEY_VARIABLE  # noqa: E402
from bevfusion.errors import CheckpointError, OutOfMemoryError  # noqa: E402
from bevfusion.hooks.memory import largest_batch  # noqa: E402
from bevfusion.model.detector import BEVFusion  # noqa: E402
from bevfusion.status import Stage  # noqa: E402
from bevfusion.training.runner import DetectorRunner, build_trainer  # noqa: E402
from tests.bevfusion.conftest import tiny_spec  # noqa: E402
from tests.bevfusion.training.conftest import EASY, EVERYTHING, KEY  # noqa: E402

NAME = "bbox_head.shared_conv.weight"


def status_lines(folder: Path) -> list[dict]:
    """All but those that tell a stage."""
    lines = [json.loads(line) for line in (folder / "status.json").read_text().splitlines()]
    return [line for line in lines if line["message"] not in set(Stage)]


def kept(folder: Path, epoch: int) -> dict[str, Any]:
    return checkpoints.load(checkpoints.checkpoint_path(folder, epoch))


def assert_same(first: Any, second: Any, where: str = "") -> None:
    """Bit for bit, through dicts and lists."""
    if isinstance(first, torch.Tensor):
        assert torch.equal(first, second), where
    elif isinstance(first, dict):
        assert first.keys() == second.keys(), where
        for name, value in first.items():
            assert_same(value, second[name], f"{where}.{name}")
    elif isinstance(first, list | tuple):
        for index, pair in enumerate(zip(first, second, strict=True)):
            assert_same(*pair, f"{where}[{index}]")
    else:
        assert first == second, where


def left_after_one_epoch(folder: Path, tmp_path: Path) -> None:
    """What an interrupted training has left."""
    (tmp_path / "checkpoints").mkdir()
    shutil.copy(checkpoints.checkpoint_path(folder, 1), tmp_path / "checkpoints")


def without_spec(state: dict[str, Any]) -> dict[str, Any]:
    return state | {"meta": {name: value for name, value in state["meta"].items() if name != "spec"}}


def test_interrupted_and_resumed_equals_uninterrupted_bit_for_bit(street, trained, tmp_path):
    first = checkpoints.checkpoint_path(trained, 1)
    train.run(tiny_spec(street, tmp_path, *EASY, f"train.resume_training_checkpoint_path={first}"))
    assert status_lines(tmp_path)[0]["message"] == f"training started; resumed from {first}"
    assert status_lines(tmp_path)[-2]["kpi"] == status_lines(trained)[-2]["kpi"]
    assert_same(without_spec(kept(trained, 2)), without_spec(kept(tmp_path, 2)))


class Look(Hook):
    """Remembers a weight that is validated."""

    seen: torch.Tensor

    def before_val_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        self.seen = runner.model.state_dict()[NAME].clone()


@pytest.fixture(scope="module")
def gone_on(street, sealed, tmp_path_factory) -> tuple[Path, torch.Tensor, torch.Tensor]:
    """Results of `sealed` gone on with after its first epoch; a weight as validated, and as trained."""
    folder, look = tmp_path_factory.mktemp("gone_on"), Look()
    left_after_one_epoch(sealed, folder)
    spec = tiny_spec(street, folder, *EVERYTHING, "train.resume=true", "train.memory_probe=true")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY_VARIABLE, KEY)
        runner = build_trainer(spec)
        runner.register_hook(look, priority="LOWEST")
        runner.train()
    return folder, look.seen, runner.model.state_dict()[NAME]


def test_so_it_does_with_accumulation_average_key_and_probe(sealed, gone_on, key):
    folder, _, _ = gone_on
    assert_same(without_spec(kept(sealed, 2)), without_spec(kept(folder, 2)))


def test_the_probe_tells_the_peak_and_how_much_there_is(gone_on):
    message = status_lines(gone_on[0])[0]["message"]
    peak, total = map(float, re.fullmatch(r"memory probe: ([\d.]+) of ([\d.]+) GiB .*", message).groups())
    assert 0.1 < peak < total


def test_a_training_begins_after_a_probe_as_it_does_without(street, tmp_path, monkeypatch):
    monkeypatch.setattr(EpochBasedTrainLoop, "run", lambda _: None)
    begun = []
    for probe in ("true", "false"):
        spec = tiny_spec(street, tmp_path / probe, *EVERYTHING, f"train.memory_probe={probe}")
        runner = build_trainer(spec)
        runner.train()
        begun.append((dict(runner.model.state_dict()), runner.optim_wrapper.state_dict()))
        assert runner.optim_wrapper.grad_norm is None
    assert_same(*begun)


def test_the_average_is_what_is_validated_and_kept_beside_the_weights_that_go_on(gone_on, key):
    folder, validated, trained_on = gone_on
    state = kept(folder, 2)
    assert torch.equal(state["state_dict"][NAME], validated)
    assert torch.equal(state["ema_state_dict"][f"module.{NAME}"], trained_on)
    assert not torch.equal(validated, trained_on)


def train_whole_and_resumed(street, folder, *changes):
    """Two epochs at a stretch, and the second of them once more from the checkpoint of the first."""
    whole, resumed = folder / "whole", folder / "resumed"
    train.run(tiny_spec(street, whole, *EVERYTHING, *changes))
    first = checkpoints.checkpoint_path(whole, 1)
    resume = f"train.resume_training_checkpoint_path={first}"
    train.run(tiny_spec(street, resumed, *EVERYTHING, *changes, resume))
    return whole, resumed


@pytest.mark.slow
def test_so_it_does_in_mixed_precision(street, tmp_path):
    amp = "train.optimizer.wrapper_type=AmpOptimWrapper"
    whole, resumed = train_whole_and_resumed(street, tmp_path, amp)
    assert_same(without_spec(kept(whole, 2)), without_spec(kept(resumed, 2)))
    assert 0 < status_lines(whole)[1]["kpi"]["loss"] < 100


@pytest.mark.slow
def test_so_it_does_with_loader_workers(street, tmp_path):
    workers = "dataset.train_dataset.num_workers=2"
    whole, resumed = train_whole_and_resumed(street, tmp_path, workers)
    assert_same(without_spec(kept(whole, 2)), without_spec(kept(resumed, 2)))


def test_a_lidar_only_checkpoint_starts_the_fused_model_and_the_status_says_what_fitted(
    street, sealed, key, tmp_path, monkeypatch
):
    first_stage = checkpoints.checkpoint_path(sealed, 2)
    monkeypatch.setattr(DetectorRunner, "train", lambda _: None)
    train.run(tiny_spec(street, tmp_path, f"train.pretrained_checkpoint={first_stage}"))
    message = status_lines(tmp_path)[0]["message"]
    tensors = len(kept(sealed, 2)["state_dict"])
    assert message.startswith(f"training started; model from {first_stage}: {tensors}/")
    assert "img_backbone.* (" in message
    assert "unused" not in message


def test_pretrained_weights_that_hardly_fit_are_refused_unless_told(street, trained, tmp_path):
    checkpoint = checkpoints.checkpoint_path(trained, 1)
    other = ("model.bbox_head.hidden_channel=16", "model.pts_neck.out_channels=[16, 16]")
    pretrained = f"train.pretrained_checkpoint={checkpoint}"
    strict = tiny_spec(street, tmp_path, *other, pretrained, "train.pretrained_min_matched=0.95")
    with pytest.raises(CheckpointError, match=r"tensors matched, .* new: .*\n.*at least 95% must match"):
        build_trainer(strict)
    assert "unused: " in build_trainer(tiny_spec(street, tmp_path, *other, pretrained)).started_from


def test_checkpoints_of_a_training_with_a_key_are_sealed_and_need_it(sealed, tmp_path, monkeypatch):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    files = list(checkpoints.list_epochs(sealed / "checkpoints").values())
    assert [file.read_bytes()[:8] for file in files] == [b"BEVFENC1"] * 2
    with pytest.raises(CheckpointError, match="encrypted, and there is no key"):
        checkpoints.load(files[0])


def test_weights_alone_cannot_be_resumed_from(street, tmp_path):
    weights = tmp_path / "epoch_1.pth"
    torch.save({"state_dict": {}}, weights)
    spec = tiny_spec(street, tmp_path, f"train.resume_training_checkpoint_path={weights}")
    with pytest.raises(
        CheckpointError, match=r"no meta, optimizer, param_schedulers\n.*pretrained_checkpoint"
    ):
        train.run(spec)


def test_a_checkpoint_with_another_schedule_cannot_be_resumed_from(street, trained, tmp_path):
    first = checkpoints.checkpoint_path(trained, 1)
    overrides = (*EASY, "train.schedule.momentum_cycle=false")
    spec = tiny_spec(street, tmp_path, *overrides, f"train.resume_training_checkpoint_path={first}")
    with pytest.raises(CheckpointError, match=r"the file has 3 schedules, the spec 1"):
        train.run(spec)


def test_a_checkpoint_of_another_model_cannot_be_resumed_from(street, trained, tmp_path):
    first = checkpoints.checkpoint_path(trained, 1)
    overrides = (*EASY, "input_modality.use_camera=false")
    spec = tiny_spec(street, tmp_path, *overrides, f"train.resume_training_checkpoint_path={first}")
    with pytest.raises(CheckpointError, match=r"\d+ tensors are of another model, fusion_layer\.0\.weight"):
        train.run(spec)


def test_averaged_weights_are_not_gone_on_with_unless_the_average_is(street, sealed, key, tmp_path):
    first = checkpoints.checkpoint_path(sealed, 1)
    overrides = (*EVERYTHING[:-1], f"train.resume_training_checkpoint_path={first}")
    with pytest.raises(CheckpointError, match=r"averaged weights, the spec has no train\.ema_momentum"):
        train.run(tiny_spec(street, tmp_path, *overrides))


def test_too_little_memory_shows_before_the_first_epoch(street, tmp_path, monkeypatch):
    def too_large(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB")

    monkeypatch.setattr(BEVFusion, "train_step", too_large)
    with pytest.raises(OutOfMemoryError, match=r"batch_size: CUDA out of memory.*20 GiB\n.*with_cp") as end:
        train.run(tiny_spec(street, tmp_path, "train.memory_probe=true"))
    assert end.value.exit_code == 4


def test_norms_of_a_short_training_forget_within_it(street, tmp_path):
    spec = tiny_spec(street, tmp_path, "train.num_epochs=20", "input_modality.use_camera=false")
    norms = [part for part in build_trainer(spec).model.modules() if isinstance(part, BatchNorm2d)]
    # Three steps an epoch; with 0.01 as it is written the averages would lag behind the weights to the end.
    assert {norm.momentum for norm in norms} == {20 / 60}


def test_the_probe_takes_the_frames_with_the_most_points(street, tmp_path):
    loader = build_trainer(tiny_spec(street, tmp_path)).train_dataloader
    samples = largest_batch(loader.dataset, loader.batch_size)["data_samples"]
    taken = [Path(sample.lidar_path).stat().st_size for sample in samples]
    sizes = [Path(loader.dataset[index]["data_samples"].lidar_path).stat().st_size for index in range(12)]
    assert taken == sorted(sizes)[:-5:-1]
