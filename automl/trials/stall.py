"""Tells a trainer that hangs from one that is slow, by what it has said and how long ago."""

from __future__ import annotations

import time
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from automl.trials.status_reader import StatusLine
from automl.types import Patience

__all__ = ["Stage", "StallWatch"]


class Stage(StrEnum):
    """Where a launched trainer is, as far as its status lines tell.

    A trainer names its stage as the whole message of a line that is about no epoch. Of one that names none,
    the first line begins `FIRST_EPOCH`, and each epoch's line begins the next.
    """

    STARTING = "starting"
    RENDEZVOUS = "rendezvous"
    FIRST_EPOCH = "first epoch"
    FIRST_STEP = "first step"
    TRAINING = "training"
    EVALUATING = "evaluating"
    CHECKPOINTING = "checkpointing"

    def may_become(self, other: Stage) -> bool:
        """Whether a trainer can be there next, within one launch."""
        return other in _MOVES[self]


_LOOP = frozenset({Stage.TRAINING, Stage.EVALUATING, Stage.CHECKPOINTING})
_MOVES: Mapping[Stage, frozenset[Stage]] = MappingProxyType(
    {
        Stage.STARTING: frozenset({Stage.RENDEZVOUS, Stage.FIRST_EPOCH, Stage.FIRST_STEP}) | _LOOP,
        Stage.RENDEZVOUS: frozenset({Stage.FIRST_EPOCH, Stage.FIRST_STEP}) | _LOOP,
        Stage.FIRST_EPOCH: frozenset({Stage.FIRST_STEP}) | _LOOP,
        **dict.fromkeys((Stage.FIRST_STEP, *_LOOP), _LOOP),
    }
)
_NAMED = {stage.value: stage for stage in Stage}


class StallWatch:
    """One launch of a trainer against its deadlines.

    Args:
        patience: how long it may say nothing, at each stage.
    """

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._heard_at = time.monotonic()
        self._epoch = 0
        self.stage = Stage.STARTING

    def hear(self, line: StatusLine) -> None:
        """Take in a status line: a sign of life, and of where the trainer is."""
        self._heard_at = time.monotonic()
        self._epoch = line.epoch or self._epoch
        heard = Stage.TRAINING if line.epoch is not None else _NAMED.get(line.message, Stage.FIRST_EPOCH)
        if self.stage.may_become(heard):
            self.stage = heard

    def find(self) -> str | None:
        """What is overdue, in words; None while there is hope."""
        limit_s = self._limit_s()
        if time.monotonic() - self._heard_at < limit_s:
            return None
        if self.stage is Stage.STARTING:
            return f"starting: no status line within {limit_s:g} s of its start"
        after = f"after epoch {self._epoch}" if self._epoch else "before its first epoch"
        return f"{self.stage}: no status line for {limit_s:g} s {after}"

    def _limit_s(self) -> float:
        patience = self._patience
        epoch_s = patience.epoch_s if self._epoch else patience.first_epoch_s
        return {
            Stage.STARTING: patience.start_s,
            Stage.RENDEZVOUS: patience.rendezvous_s,
            Stage.FIRST_STEP: patience.first_step_s,
            Stage.CHECKPOINTING: patience.checkpoint_s,
        }.get(self.stage, epoch_s)
