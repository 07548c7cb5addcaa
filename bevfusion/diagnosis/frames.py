"""A tested frame: what was labelled, what was detected, and where to look for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bevfusion.metrics import FrameAnnotations

__all__ = ["FrameResult", "choose_frames"]


@dataclass(frozen=True, eq=False)
class FrameResult:
    """One frame after a detector has seen it.

    Attributes:
        sample_idx: number of the frame, unique within its part of the data set.
        name: unique in the data set: ``000042``, or ``<sequence>/<frame>``; names its files.
        image_path: camera image; need not exist for a LiDAR-only data set.
        size_px: height and width of the image.
        cam2img: (4, 4) rectified camera to pixels.
        lidar2cam: (4, 4) LiDAR to rectified camera.
        labels: all labels of the frame, DontCare included; None where the frame has none.
        detections: what was detected, in no order.
    """

    sample_idx: int
    name: str
    image_path: Path
    size_px: tuple[int, int]
    cam2img: NDArray[np.float64]
    lidar2cam: NDArray[np.float64]
    labels: FrameAnnotations | None
    detections: FrameAnnotations

    @property
    def truth(self) -> FrameAnnotations:
        """The labels, none standing for a frame in which nothing is labelled."""
        return self.labels if self.labels is not None else FrameAnnotations.empty()

    def scored_at_least(self, score: float) -> FrameResult:
        """The frame with the detections that are no less sure than ``score``."""
        return replace(self, detections=self.detections.scored_at_least(score))


def choose_frames(frames: Sequence[FrameResult], at_most: int) -> list[FrameResult]:
    """Choose frames evenly; those in which something is labelled, as the others say little about recall.

    Args:
        frames: to choose from.
        at_most: how many.
    """
    labelled = [frame for frame in frames if len(frame.truth)] or list(frames)
    places = np.unique(np.linspace(0, len(labelled) - 1, at_most).astype(int))
    return [labelled[place] for place in places]
