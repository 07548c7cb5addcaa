"""Several processes learn what one learns: here in forks of the test, in `test_cluster` by torchrun."""

import multiprocessing
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.torch

import torch  # noqa: E402
import torch.distributed  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn.parallel import DistributedDataParallel  # noqa: E402

from bevfusion.errors import SpecError  # noqa: E402
from bevfusion.hooks import NormHook  # noqa: E402
from bevfusion.spec import load_spec  # noqa: E402
from bevfusion.training.optimizer import optim_wrapper  # noqa: E402
from bevfusion.training.processes import join_group, parallel_config  # noqa: E402
from bevfusion.training.start import settle_seed  # noqa: E402
from tests.bevfusion.conftest import PROFILE  # noqa: E402
from tests.bevfusion.model.golden_model import Batch, batch, build  # noqa: E402
from tests.bevfusion.training.stand_ins import runner_of  # noqa: E402


def in_two_processes(work: Callable[[int], dict], folder: Path) -> list[dict]:
    """What each of two processes that have met returns."""
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_meet, args=(rank, work, folder)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    return [torch.load(folder / f"{rank}.pth") for rank in range(2)]


def _meet(rank: int, work: Callable[[int], dict], folder: Path) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    torch.save(work(rank), folder / f"{rank}.pth")
    torch.distributed.destroy_process_group()


def gradients_of(model: nn.Module, data: Batch) -> dict[str, torch.Tensor]:
    losses = model(data.inputs, data.samples, mode="loss")
    total = sum(value for name, value in losses.items() if "loss" in name)
    total.backward()
    gradients = {name.removeprefix("module."): value.grad for name, value in model.named_parameters()}
    return gradients | {"total": total.detach()}


def half(data: Batch, rank: int) -> Batch:
    return Batch({"points": data.inputs["points"][rank : rank + 1]}, data.samples[rank : rank + 1])


def test_two_processes_of_one_frame_have_loss_and_gradient_of_one_process_of_two(tmp_path):
    data = batch("tiny_lidar")
    samples = [len(sample.gt_instances_3d.labels_3d) for sample in data.samples]
    assert samples[0] != samples[1]  # else each frame divided by its own count would do as well

    def work(rank: int) -> dict:
        return gradients_of(DistributedDataParallel(build("tiny_lidar")), half(data, rank))

    first, second = in_two_processes(work, tmp_path)
    alone = gradients_of(build("tiny_lidar"), data)
    assert (first.pop("total") + second.pop("total")) / 2 == pytest.approx(
        alone.pop("total").item(), rel=1e-6
    )
    for name, gradient in alone.items():
        assert torch.equal(first[name], second[name])
        assert (first[name] - gradient).abs().max() <= 1e-4 * gradient.abs().max(), name


def test_running_averages_are_those_of_all_processes_after_an_epoch(tmp_path):
    def work(rank: int) -> dict:
        norm = nn.BatchNorm1d(2)
        norm.running_mean += rank
        norm.running_var += 2 * rank
        hook, runner = NormHook(), runner_of(nn.Sequential(norm), steps=3)
        hook.after_train_iter(runner, 1)
        before = norm.running_mean.clone()
        hook.after_train_iter(runner, 2)
        return {"before": before, "mean": norm.running_mean, "variance": norm.running_var}

    first, second = in_two_processes(work, tmp_path)
    assert (first["before"].tolist(), second["before"].tolist()) == ([0.0, 0.0], [1.0, 1.0])
    for found in (first, second):
        assert found["mean"].tolist() == [0.5, 0.5]
        assert found["variance"].tolist() == [2.0, 2.0]


def test_processes_share_a_new_seed_and_the_frames_of_an_update(tmp_path):
    spec = load_spec(PROFILE, ["train.seed=-1", "train.optimizer.lr=1e-3", "train.optimizer.lr_batch_size=4"])

    def work(_: int) -> dict:
        return {"seed": settle_seed(spec).train.seed, "lr": optim_wrapper(spec)["optimizer"]["lr"]}

    first, second = in_two_processes(work, tmp_path)
    assert first["seed"] == second["seed"] >= 0
    assert first["lr"] == second["lr"] == pytest.approx(2e-3)


def test_a_seed_that_is_given_stays_and_a_drawn_one_outlives_an_interruption(tmp_path):
    torch.save({"meta": {"seed": 77}}, tmp_path / "epoch_1.pth")
    drawn = load_spec(PROFILE, ["train.seed=-1"])
    assert settle_seed(load_spec(PROFILE)).train.seed == 1234
    assert settle_seed(drawn, tmp_path / "epoch_1.pth").train.seed == 77
    assert settle_seed(drawn).train.seed != settle_seed(drawn).train.seed


@pytest.mark.parametrize(
    ("override", "has_gpu", "expected"),
    [
        ("train.seed=1", True, {"sync_bn": "torch", "find_unused_parameters": False}),
        ("train.seed=1", False, {"sync_bn": None, "find_unused_parameters": False}),
        ("train.sync_norm=false", True, {"sync_bn": None, "find_unused_parameters": False}),
        ("model.bbox_head.auxiliary=false", False, {"sync_bn": None, "find_unused_parameters": True}),
    ],
)
def test_norms_are_synchronised_where_the_device_can(monkeypatch, override, has_gpu, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)
    assert parallel_config(load_spec(PROFILE, [override, "model.bbox_head.num_decoder_layers=2"])) == expected


def test_more_processes_than_gpus_are_refused_with_both_numbers(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(SpecError, match=r"train.num_gpus: process 3 of this node finds no GPU, there are 2"):
        join_group()
