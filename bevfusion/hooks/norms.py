"""Batch norms of several processes."""

from __future__ import annotations

from typing import Any

from mmengine.dist import all_reduce_params
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ["NormHook"]


class NormHook(Hook):
    """Joins the running averages of all processes after the last step of an epoch.

    Where batch norms do not see all frames at once (on the CPU), each process has averages of its own, and
    validation would measure as many models as there are processes.
    """

    priority = "ABOVE_NORMAL"  # before a running average of the weights takes them over

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        """Average mean and variance of each layer over the processes; alone, do nothing."""
        if self.end_of_epoch(runner.train_dataloader, batch_idx):
            norms = [module for module in runner.model.modules() if isinstance(module, _BatchNorm)]
            all_reduce_params([norm.running_mean for norm in norms], op="mean")
            all_reduce_params([norm.running_var for norm in norms], op="mean")
