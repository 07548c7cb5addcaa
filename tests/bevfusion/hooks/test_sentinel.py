from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.torch

import torch  # noqa: E402
from torch import nn  # noqa: E402

from bevfusion import checkpoints  # noqa: E402
from bevfusion.errors import DivergedError  # noqa: E402
from bevfusion.hooks import SentinelHook  # noqa: E402
from bevfusion.spec.train import SentinelSpec  # noqa: E402
from tests.bevfusion.training.stand_ins import runner_of  # noqa: E402

NAN, INF = float("nan"), float("inf")


class Watched:
    """A sentinel and the training that it watches, step by step."""

    def __init__(self, folder, *, scaled=False, **limits) -> None:
        self.hook = SentinelHook(folder, SentinelSpec(**limits))
        self.wrapper = SimpleNamespace(grad_norm=None, **({"loss_scaler": object()} if scaled else {}))
        self.runner = runner_of(nn.Linear(1, 1), optim_wrapper=self.wrapper)

    def step(self, loss=1.0, norm=None, overlap=0.5) -> dict:
        outputs = {"loss": torch.tensor(loss), "loss_cls": torch.tensor(2.0)}
        outputs["matched_ious"] = torch.tensor(overlap)
        self.wrapper.grad_norm = None if norm is None else torch.tensor(norm)
        self.hook.after_train_iter(self.runner, self.runner.iter, outputs=outputs)
        self.runner.iter += 1
        return outputs


def test_figures_of_a_step_are_fetched_once_and_are_numbers_from_then_on(tmp_path):
    watched = Watched(tmp_path)
    outputs = watched.step(loss=0.25, norm=3.5)
    assert outputs == {"loss": 0.25, "loss_cls": 2.0, "matched_ious": 0.5, "grad_norm": 3.5}
    assert all(type(value) is float for value in outputs.values())
    assert watched.wrapper.grad_norm is None
    assert "grad_norm" not in watched.step()


@pytest.mark.parametrize("loss", [NAN, INF])
def test_a_loss_that_is_not_finite_ends_the_training_with_its_step_and_what_is_left(tmp_path, loss):
    watched = Watched(tmp_path)
    watched.step()
    with pytest.raises(
        DivergedError, match=r"diverged at step 2 \(epoch 1, batch 2\): loss not finite"
    ) as end:
        watched.step(loss)
    assert "no epoch was finished" in str(end.value)
    assert end.value.exit_code == 5
    checkpoints.save({}, tmp_path / "checkpoints" / "epoch_4.pth")
    with pytest.raises(DivergedError, match=r"epoch_4\.pth is the last checkpoint"):
        watched.step(loss)


def test_a_gradient_that_is_not_finite_ends_the_training_before_its_weights_are_kept(tmp_path):
    with pytest.raises(DivergedError, match=r"step 1 .*: the gradient is not finite"):
        Watched(tmp_path).step(norm=NAN)


def test_float16_may_overflow_now_and_then_but_not_for_ever(tmp_path):
    watched = Watched(tmp_path, scaled=True, patience=3)
    for norm in (INF, NAN, 5.0, INF, INF):
        watched.step(norm=norm)
    with pytest.raises(DivergedError, match=r"step 6 .*: gradient norm inf after 3 updates above inf"):
        watched.step(norm=INF)


def test_gradients_over_a_limit_end_the_training_only_in_a_row(tmp_path):
    watched = Watched(tmp_path, max_grad_norm=100.0, patience=2)
    for norm in (101.0, 99.0, 101.0, None):  # without an update there is no norm
        watched.step(norm=norm)
    with pytest.raises(DivergedError, match="gradient norm 250 after 2 updates above 100"):
        watched.step(norm=250.0)


def test_matched_boxes_that_lose_their_overlap_end_the_training(tmp_path):
    watched = Watched(tmp_path, window=4, collapse_ratio=0.1)
    for overlap in (0.0, 0.2, 0.6, 0.8, 0.0, 0.0, 0.0):
        watched.step(overlap=overlap)
    with pytest.raises(
        DivergedError, match=r"step 8 .*overlap .* fell from 0\.400 to 0\.000 \(mean of 4 steps"
    ):
        watched.step(overlap=0.0)


@pytest.mark.parametrize(
    ("limits", "overlaps"),
    [
        ({"window": 4}, [0.0] * 20),  # nothing learned yet
        ({"window": 4}, [0.04, 0.04, 0.04, 0.04] + [0.0] * 9),  # chance
        ({"window": 4}, [0.5, 0.0, 0.0, 0.0] * 5),  # most frames are empty
        ({"window": 2, "collapse_ratio": 0.0}, [0.9] * 4 + [0.0] * 9),  # switched off
        ({"window": 50}, [0.9] * 20 + [0.0] * 20),  # too short to judge
    ],
)
def test_a_training_that_may_recover_goes_on(tmp_path, limits, overlaps):
    watched = Watched(tmp_path, **limits)
    for overlap in overlaps:
        watched.step(overlap=overlap)
    assert watched.runner.iter == len(overlaps)
