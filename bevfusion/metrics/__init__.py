"""Scores detections by KITTI's rule without a GPU and without torch."""

from bevfusion.metrics.annotations import FrameAnnotations
from bevfusion.metrics.average_precision import curves, evaluate
from bevfusion.metrics.matching import Curve
from bevfusion.metrics.protocol import HEADLINE

__all__ = ["HEADLINE", "Curve", "FrameAnnotations", "curves", "evaluate"]
