"""Removal of double detections after decoding; the queries rarely need it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bevfusion.errors import SpecError
from bevfusion.geometry.rotated_iou import iou_bev
from bevfusion.ops.suppression import keep_best

__all__ = ["Suppression"]

_DEFAULT_THRESHOLD = {"circle": 0.4, "rotate": 0.2}


@dataclass(frozen=True)
class Suppression:
    """How detections of one class suppress each other.

    Attributes:
        kind: ``circle`` by the distance of the centres, ``rotate`` by the overlap from above; None: never.
        threshold: weaker detections go within so many metres (``circle``) or with more overlap (``rotate``).
        pre_max_size: only so many best detections compete; None: all.
        post_max_size: only so many are kept; None: all.
    """

    kind: str | None
    threshold: float
    pre_max_size: int | None = None
    post_max_size: int | None = None

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Suppression:
        """Read ``nms_type``, ``nms_thr``, ``pre_max_size``, ``post_max_size`` of a head's test config.

        Raises:
            SpecError: an unknown ``nms_type``.
        """
        kind = config.get("nms_type")
        if kind is not None and kind not in _DEFAULT_THRESHOLD:
            raise SpecError(
                f"unknown nms_type {kind!r}",
                where="model.bbox_head.test_cfg.nms_type",
                hint=f"use null, {' or '.join(_DEFAULT_THRESHOLD)}",
            )
        threshold = config.get("nms_thr", _DEFAULT_THRESHOLD.get(kind or "", 0.0))
        return cls(kind, threshold, config.get("pre_max_size"), config.get("post_max_size"))

    def select(self, boxes: Tensor, scores: Tensor, labels: Tensor) -> Tensor:
        """Choose the detections of one sample that stay.

        Args:
            boxes: (k, 7) LiDAR boxes.
            scores: (k,) confidences.
            labels: (k,) classes.

        Returns:
            (j,) int64 indices, best first; in the given order without suppression.
        """
        if self.kind is None:
            return torch.arange(len(boxes), device=boxes.device)
        order = scores.argsort(descending=True)[: self.pre_max_size].tolist()
        footprint = boxes.detach().double().cpu().numpy()
        names = labels.cpu().numpy()
        suppresses = self._overlapping(footprint) & (names[:, None] == names[None])
        kept = keep_best(suppresses, order)[: self.post_max_size]
        return torch.tensor(kept, dtype=torch.long, device=boxes.device)

    def _overlapping(self, boxes: np.ndarray) -> np.ndarray:
        if self.kind == "rotate":
            return iou_bev(boxes, boxes) > self.threshold
        offset = boxes[:, None, :2] - boxes[None, :, :2]
        return np.linalg.norm(offset, axis=2) <= self.threshold
