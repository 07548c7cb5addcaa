"""Scores detections by KITTI's rule without a GPU and without torch."""

from bevfusion.metrics.annotations import FrameAnnotations
from bevfusion.metrics.average_precision import curves, evaluate, summarise
from bevfusion.metrics.labels import read_labels, read_predictions, write_predictions
from bevfusion.metrics.matching import Curve
from bevfusion.metrics.protocol import HEADLINE
from bevfusion.metrics.score import score_folders
from bevfusion.metrics.self_test import evaluator_self_test

__all__ = [
    "HEADLINE",
    "Curve",
    "FrameAnnotations",
    "curves",
    "evaluate",
    "evaluator_self_test",
    "read_labels",
    "read_predictions",
    "score_folders",
    "summarise",
    "write_predictions",
]
