"""Ends a training that cannot recover, before it costs the rest of the night."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any, NoReturn

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.runner import Runner

from bevfusion import checkpoints
from bevfusion.errors import DivergedError
from bevfusion.spec.train import SentinelSpec

__all__ = ["SentinelHook"]

_LEARNED_IOU = 0.05  # below, the overlap of matched boxes is chance and may as well fall


class SentinelHook(Hook):
    """Watches losses, gradient norm and the overlap of matched boxes.

    All figures of a step are fetched from the device, and averaged over the processes, at once; from then on
    they are plain numbers, so that nobody after this hook waits for the device again.

    Args:
        results_dir: the trial folder, to name the checkpoint that is left.
        limits: when to give up.
    """

    priority = "HIGHEST"

    def __init__(self, results_dir: Path, limits: SentinelSpec) -> None:
        self._checkpoints = results_dir / "checkpoints"
        self._limits = limits
        self._exploded = 0
        self._overlaps: deque[float] = deque(maxlen=limits.window)
        self._best_overlap = 0.0

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: dict[str, Any] | None = None
    ) -> None:
        """Fetch and judge the figures of one step, the same in all processes.

        Raises:
            DivergedError: names the step, what went wrong, and the checkpoint that is left.
        """
        outputs = {} if outputs is None else outputs
        outputs |= _fetch(outputs, runner.optim_wrapper)
        reason = self._judge_losses(outputs) or self._judge_overlap(outputs)
        if "grad_norm" in outputs:
            skips_updates = hasattr(runner.optim_wrapper, "loss_scaler")
            reason = reason or self._judge_gradient(outputs["grad_norm"], skips_updates=skips_updates)
        if reason:
            step = f"step {runner.iter + 1} (epoch {runner.epoch + 1}, batch {batch_idx + 1})"
            self._give_up(f"diverged at {step}: {reason}")

    def _judge_losses(self, figures: Mapping[str, float]) -> str:
        broken = [name for name, value in figures.items() if "loss" in name and not math.isfinite(value)]
        return f"{', '.join(broken)} not finite" if broken else ""

    def _judge_gradient(self, norm: float, *, skips_updates: bool) -> str:
        if not math.isfinite(norm) and not skips_updates:
            return "the gradient is not finite"
        limit = self._limits.max_grad_norm or math.inf
        self._exploded = 0 if math.isfinite(norm) and norm <= limit else self._exploded + 1
        if self._exploded < self._limits.patience:
            return ""
        return f"gradient norm {norm:g} after {self._exploded} updates above {limit:g}"

    def _judge_overlap(self, figures: Mapping[str, float]) -> str:
        self._overlaps.append(figures.get("matched_ious", 0.0))
        if len(self._overlaps) < self._limits.window:
            return ""
        mean = fmean(self._overlaps)
        self._best_overlap = max(self._best_overlap, mean)
        if self._best_overlap < _LEARNED_IOU or mean >= self._limits.collapse_ratio * self._best_overlap:
            return ""
        steps = f"mean of {self._limits.window} steps"
        return f"the overlap of matched boxes fell from {self._best_overlap:.3f} to {mean:.3f} ({steps})"

    def _give_up(self, message: str) -> NoReturn:
        newest = checkpoints.latest(self._checkpoints)
        remains = f"{newest} is the last checkpoint" if newest else "no epoch was finished"
        raise DivergedError(
            message,
            where="train.optimizer.lr",
            hint=f"lower it, or train.optimizer.clip_grad.max_norm; {remains}",
        )


def _fetch(outputs: Mapping[str, Any], wrapper: Any) -> dict[str, float]:
    """Losses and gradient norm as numbers; the norm only after a step that has updated the weights."""
    figures = dict(outputs)
    if wrapper.grad_norm is not None:
        figures["grad_norm"], wrapper.grad_norm = wrapper.grad_norm, None
    packed = torch.stack([torch.as_tensor(value).detach().float() for value in figures.values()])
    all_reduce(packed, op="mean")
    return dict(zip(figures, packed.tolist(), strict=True))
