"""Gradient accumulation that fits into epochs."""

from __future__ import annotations

from mmengine.hooks import Hook
from mmengine.runner import Runner

__all__ = ["AccumulationHook"]


class AccumulationHook(Hook):
    """Ends every epoch with an update, be it of fewer steps.

    So no gradient is under way while a checkpoint is written, and a resumed training misses none.
    """

    def before_train_epoch(self, runner: Runner) -> None:
        """Begin to count anew."""
        runner.optim_wrapper.initialize_count_status(runner.model, 0, len(runner.train_dataloader))
