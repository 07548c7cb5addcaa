from typing import Any

import pytest

pytestmark = pytest.mark.torch

import torch  # noqa: E402
from torch import nn  # noqa: E402

from bevfusion.errors import SpecError  # noqa: E402
from bevfusion.hooks import AccumulationHook  # noqa: E402
from bevfusion.spec import load_spec  # noqa: E402
from bevfusion.training import optimizer  # noqa: E402
from tests.bevfusion.conftest import PROFILE  # noqa: E402
from tests.bevfusion.training.stand_ins import runner_of  # noqa: E402

AMP = "train.optimizer.wrapper_type=AmpOptimWrapper"


def settings(*overrides: str) -> dict[str, Any]:
    return optimizer.optim_wrapper(load_spec(PROFILE, overrides))


def wrapped(model: nn.Module, *overrides: str) -> Any:
    """The spec's wrapper around plain gradient descent, whose steps show the gradient itself."""
    made = settings(*overrides)
    kind = made.pop("type")
    return kind(**made | {"optimizer": torch.optim.SGD(model.parameters(), lr=1.0)})


def line(weight: float) -> nn.Linear:
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, weight)
    return model


def test_an_epoch_ends_with_an_update_even_of_fewer_steps_each_a_mean():
    model = line(0.0)
    wrapper = wrapped(model, "train.accumulation=2")
    hook, runner = AccumulationHook(), runner_of(model, steps=3, optim_wrapper=wrapper)
    seen = []
    for _ in range(2):
        hook.before_train_epoch(runner)
        for slope in (1.0, 3.0, 10.0):
            wrapper.update_params(model.weight.sum() * slope)
            seen.append(model.weight.item())
    assert seen == [0.0, -2.0, -12.0, -12.0, -14.0, -24.0]


def test_the_norm_before_clipping_stays_on_its_device_until_it_is_taken():
    model = line(0.0)
    wrapper = wrapped(model, "train.optimizer.clip_grad.max_norm=2.0")
    assert wrapper.grad_norm is None
    wrapper.update_params(model.weight.sum() * -8.0)
    assert isinstance(wrapper.grad_norm, torch.Tensor)
    assert wrapper.grad_norm.item() == 8.0
    assert model.weight.item() == pytest.approx(2.0)


def test_mixed_precision_multiplies_in_bfloat16_and_keeps_weights_in_float32():
    model = line(1.0)
    wrapper = wrapped(model, AMP)
    with wrapper.optim_context(model):
        product = model(torch.full((1, 1), 1 + 2**-9))
    assert (product.dtype, product.item()) == (torch.bfloat16, 1.0)
    wrapper.update_params(product.float().sum())
    assert (model.weight.dtype, model.weight.item()) == (torch.float32, 0.0)
    assert model(torch.ones(1, 1)).dtype == torch.float32


def test_float16_scales_its_losses_and_needs_a_gpu(monkeypatch):
    half = (AMP, "train.optimizer.amp_dtype=float16")
    with pytest.raises(SpecError, match=r"amp_dtype: float16 cannot .* CPU\n.*use bfloat16"):
        settings(*half)
    monkeypatch.setattr(optimizer, "get_device", lambda: "cuda")
    made = settings(*half)
    assert made["dtype"] == "float16"
    assert issubclass(made["type"], optimizer.AmpOptimWrapper)


@pytest.mark.parametrize(
    ("overrides", "rate"),
    [
        ((), 2e-4),
        (("train.optimizer.lr_batch_size=4",), 2e-4),
        (("train.optimizer.lr_batch_size=16",), 5e-5),
        (("train.optimizer.lr_batch_size=4", "train.accumulation=3"), 6e-4),
        (("train.optimizer.lr_batch_size=4", "dataset.train_dataset.batch_size=2"), 1e-4),
    ],
)
def test_the_rate_follows_the_frames_of_an_update_when_asked_to(overrides, rate):
    assert settings(*overrides)["optimizer"]["lr"] == pytest.approx(rate)
