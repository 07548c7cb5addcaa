"""Tells a trainer that hangs from one that is slow, by what it has said and how long ago."""

from __future__ import annotations

import time
from enum import StrEnum

from automl.trials.status_reader import StatusLine
from automl.types import Patience

__all__ = ["Stage", "StallWatch"]


class Stage(StrEnum):
    """Where a launched trainer is, as far as its status lines tell."""

    STARTING = "starting"
    FIRST_EPOCH = "first epoch"
    TRAINING = "training"

    def may_become(self, other: Stage) -> bool:
        """Whether a trainer can be there next; it never goes back within one launch."""
        order = list(Stage)
        return order.index(other) >= order.index(self)


class StallWatch:
    """One launch of a trainer against its deadlines.

    Args:
        patience: how long it may say nothing, at each stage.
    """

    def __init__(self, patience: Patience) -> None:
        self._limits_s = {
            Stage.STARTING: patience.start_s,
            Stage.FIRST_EPOCH: patience.first_epoch_s,
            Stage.TRAINING: patience.epoch_s,
        }
        self._heard_at = time.monotonic()
        self._epoch = 0
        self.stage = Stage.STARTING

    def hear(self, line: StatusLine) -> None:
        """Take in a status line: a sign of life, and of where the trainer is."""
        self._heard_at = time.monotonic()
        heard = Stage.FIRST_EPOCH if line.epoch is None else Stage.TRAINING
        self._epoch = line.epoch or self._epoch
        if self.stage.may_become(heard):
            self.stage = heard

    def find(self) -> str | None:
        """What is overdue, in words; None while there is hope."""
        limit_s = self._limits_s[self.stage]
        if time.monotonic() - self._heard_at < limit_s:
            return None
        return {
            Stage.STARTING: f"no status line within {limit_s:g} s of its start",
            Stage.FIRST_EPOCH: f"no epoch within {limit_s:g} s of its first status line",
            Stage.TRAINING: f"no status line for {limit_s:g} s after epoch {self._epoch}",
        }[self.stage]
