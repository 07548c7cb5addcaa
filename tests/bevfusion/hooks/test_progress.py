import errno
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.torch

import torch  # noqa: E402
from torch import nn  # noqa: E402

from bevfusion import checkpoints  # noqa: E402
from bevfusion.errors import CheckpointError  # noqa: E402
from bevfusion.hooks import ProgressHook  # noqa: E402
from tests.bevfusion.training.stand_ins import runner_of  # noqa: E402


@pytest.fixture
def runner() -> SimpleNamespace:
    """A training of two epochs, each with a validation, after its first one."""
    model = nn.Linear(1, 1)
    wrapper = SimpleNamespace(state_dict=lambda: torch.optim.AdamW(model.parameters()).state_dict())
    loop = {"max_epochs": 2, "seed": 7, "param_schedulers": [], "call_hook": lambda *_, **__: None}
    made = runner_of(model, steps=3, optim_wrapper=wrapper, **loop)
    made.epoch = 1
    return made


def hook(folder: Path) -> ProgressHook:
    return ProgressHook(folder, checkpoint_interval=1, spec_text="a: 1", classes=("person",))


def lines(folder: Path) -> list[dict]:
    """What is told of epochs."""
    path = folder / "status.json"
    told = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [line for line in told if "epoch" in line]


def test_stages_are_told_as_they_begin(tmp_path, runner):
    progress = hook(tmp_path)
    progress.before_train(runner)
    for loss in (1.0, 4.0):
        progress.after_train_iter(runner, 0, outputs={"loss": loss})
    progress.before_val_epoch(runner)
    progress.after_val_epoch(runner, {})
    told = [json.loads(line)["message"] for line in (tmp_path / "status.json").read_text().splitlines()]
    assert told == [
        "first step", "training", "evaluating", "checkpointing", "epoch 1 of 2, kept checkpoints/epoch_1.pth",
    ]  # fmt: skip


def test_an_epoch_is_announced_with_the_mean_loss_of_its_steps(tmp_path, runner):
    progress = hook(tmp_path)
    for loss in (1.0, 4.0):
        progress.after_train_iter(runner, 0, outputs={"loss": loss})
    progress.before_train_epoch(runner)
    for loss in (2.0, 3.0):
        progress.after_train_iter(runner, 0, outputs={"loss": loss})
    progress.after_val_epoch(runner, {"AP11": 12.5})
    (line,) = lines(tmp_path)
    assert (line["epoch"], line["max_epoch"]) == (1, 2)
    assert line["kpi"] == {"AP11": 12.5, "loss": 2.5}
    assert checkpoints.load(tmp_path / "checkpoints" / "epoch_1.pth")["meta"] == {
        "epoch": 1,
        "iter": 3,
        "seed": 7,
        "spec": "a: 1",
        "classes": ["person"],
    }


def test_a_full_disk_ends_the_training_announces_nothing_and_keeps_the_last_good_checkpoint(
    tmp_path, runner, monkeypatch
):
    progress = hook(tmp_path)
    progress.after_val_epoch(runner, {})

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(checkpoints, "os", SimpleNamespace(fsync=full))
    runner.epoch = 2
    with pytest.raises(CheckpointError, match=r"epoch_2\.pth: cannot write .*No space left") as end:
        progress.after_val_epoch(runner, {})
    assert end.value.exit_code == 3
    assert [line["epoch"] for line in lines(tmp_path)] == [1]
    assert [file.name for file in (tmp_path / "checkpoints").iterdir()] == ["epoch_1.pth"]
    assert checkpoints.load(tmp_path / "checkpoints" / "epoch_1.pth")["meta"]["epoch"] == 1
