"""What hooks see of a training, without one."""

from types import SimpleNamespace
from typing import Any

from torch import nn


def runner_of(model: nn.Module, *, steps: int = 10, **members: Any) -> SimpleNamespace:
    """A runner in its first epoch, which has so many steps."""
    return SimpleNamespace(model=model, train_dataloader=range(steps), epoch=0, iter=0, **members)
