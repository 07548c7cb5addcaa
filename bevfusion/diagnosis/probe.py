"""Runs a detector on single frames: as they are, and under every condition, with a clock beside it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmengine.dataset import pseudo_collate
from torch import nn
from torch.utils.data import Dataset

from bevfusion.diagnosis.conditions import AS_RECORDED, Condition, Item
from bevfusion.metrics import FrameAnnotations, evaluate
from bevfusion.training.metric import predicted_frame

__all__ = ["Percentiles", "Probe", "probe"]

_WARM_UP = 2


@dataclass(frozen=True)
class Percentiles:
    """How long single frames take, milliseconds."""

    p50: float
    p90: float
    p99: float

    @classmethod
    def of(cls, durations_s: Sequence[float]) -> Percentiles:
        """Summarise durations in seconds, without the first two where there are more."""
        steady = durations_s[_WARM_UP:] or durations_s
        return cls(*(float(value) for value in np.percentile(steady, [50, 90, 99]) * 1e3))


@dataclass(frozen=True)
class Probe:
    """What was measured on single frames.

    Attributes:
        frames: how many.
        ap11: the headline (percent) of these frames under each condition.
        loading_ms: reading a frame from disk.
        latency_ms: from a frame in memory to its boxes, batch of one.
    """

    frames: int
    ap11: dict[str, float]
    loading_ms: Percentiles
    latency_ms: Percentiles


def probe(
    model: nn.Module,
    dataset: Dataset[Item],
    positions: Sequence[int],
    *,
    conditions: Mapping[str, Condition],
    classes: Sequence[str],
) -> Probe:
    """Detect in some frames, one at a time, under every condition.

    Args:
        model: detector of ours on its device.
        dataset: frames as they were recorded.
        positions: which frames of the data set.
        conditions: what to change, by name; the frames as they are come first in any case.
        classes: class names in label order.
    """
    truth: list[FrameAnnotations] = []
    found: dict[str, list[FrameAnnotations]] = {name: [] for name in (AS_RECORDED, *conditions)}
    loading_s, latency_s = [], []
    model.eval()
    for position in positions:
        start = time.perf_counter()
        item = dataset[position]
        loading_s.append(time.perf_counter() - start)
        labels = item["data_samples"].eval_ann_info
        truth.append(FrameAnnotations.from_info(labels) if labels else FrameAnnotations.empty())
        detections, duration_s = _detect(model, item, item, classes)
        latency_s.append(duration_s)
        found[AS_RECORDED].append(detections)
        for name, change in conditions.items():
            found[name].append(_detect(model, change(item), item, classes)[0])
    return Probe(
        frames=len(positions),
        ap11={name: evaluate(truth, frames, classes=classes)["AP11"] for name, frames in found.items()},
        loading_ms=Percentiles.of(loading_s),
        latency_ms=Percentiles.of(latency_s),
    )


@torch.no_grad()
def _detect(
    model: Any, shown: Item, recorded: Item, classes: Sequence[str]
) -> tuple[FrameAnnotations, float]:
    """Detections in what is shown, by the calibration of what was recorded, and the seconds they took."""
    batch = pseudo_collate([shown])
    _synchronise()
    start = time.perf_counter()
    (sample,) = model.test_step(batch)
    _synchronise()
    duration_s = time.perf_counter() - start
    meta = recorded["data_samples"].metainfo
    return predicted_frame({**meta, "pred_instances_3d": sample.pred_instances_3d}, classes), duration_s


def _synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
