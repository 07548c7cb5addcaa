"""Makes an epoch depend on seed and number alone, so that a resumed training equals an uninterrupted one."""

from __future__ import annotations

import random

import numpy as np
import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

__all__ = ["RandomnessHook"]


class RandomnessHook(Hook):
    """Sets the seeds of dropout, drop path and augmentation anew at the start of each epoch.

    Args:
        seed: seed of the training.
    """

    priority = "VERY_HIGH"

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def before_train_epoch(self, runner: Runner) -> None:
        """Derive this epoch's randomness from seed, epoch and rank."""
        entropy = np.random.SeedSequence([self._seed, runner.epoch, runner.rank])
        words = entropy.generate_state(3)
        torch.manual_seed(int(words[0]))
        np.random.seed(words[1])
        random.seed(int(words[2]))
        runner.train_dataloader.dataset.set_epoch(runner.epoch)
