"""Ends a training that cannot recover, before it costs the rest of the night."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from bevfusion.errors import DivergedError

__all__ = ["SentinelHook"]


class SentinelHook(Hook):
    """Watches the loss of every step."""

    priority = "HIGH"

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        """Look at the losses of one step.

        Raises:
            DivergedError: one of them is not finite; names the step, and the losses that are.
        """
        losses = {name: value for name, value in (outputs or {}).items() if "loss" in name}
        broken = [name for name, value in losses.items() if not torch.isfinite(torch.as_tensor(value)).all()]
        if broken:
            raise DivergedError(
                f"diverged at step {runner.iter + 1} (epoch {runner.epoch + 1}, batch {batch_idx + 1}): "
                f"{', '.join(broken)} not finite",
                where="train.optimizer.lr",
                hint="lower the learning rate or train.optimizer.clip_grad.max_norm; "
                "the checkpoint of the last finished epoch is kept",
            )
