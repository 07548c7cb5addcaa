"""The learning rate over a training, written for mmengine; it follows the number of epochs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bevfusion.spec.train import TrainSpec

__all__ = ["derive_schedule"]


def derive_schedule(train: TrainSpec) -> tuple[Mapping[str, Any], ...]:
    """Parameter schedulers of mmengine for ``train.schedule`` over ``train.num_epochs``.

    Linear warm-up times a cosine over the whole training, and, with ``momentum_cycle``, the first beta down
    to ``momentum_ratio`` and back to its start. ``begin``, ``end`` and ``T_max`` are in epochs, fractions
    allowed; mmengine turns them into steps.

    The end of the momentum cycle is a ratio of the start value. The reference sets the absolute value 1, with
    which Adam's first moment stops following the gradient in the last steps.
    """
    shape, epochs = train.schedule, train.num_epochs
    warm, turn = round(shape.warmup_fraction * epochs, 6), round(shape.momentum_turn_fraction * epochs, 6)
    schedulers = [_span("CosineAnnealingLR", 0, epochs, T_max=epochs, eta_min_ratio=shape.eta_min_ratio)]
    if warm > 0:
        schedulers.insert(0, _span("LinearLR", 0, warm, start_factor=shape.warmup_start_factor))
    if shape.momentum_cycle:
        schedulers += [
            _span("CosineAnnealingMomentum", 0, turn, eta_min_ratio=shape.momentum_ratio),
            _span("CosineAnnealingMomentum", turn, epochs, eta_min_ratio=1.0),
        ]
    return tuple(schedulers)


def _span(kind: str, begin: float, end: float, **shape: float) -> dict[str, Any]:
    return {
        "type": kind,
        **shape,
        "begin": begin,
        "end": end,
        "by_epoch": True,
        "convert_to_iter_based": True,
    }
