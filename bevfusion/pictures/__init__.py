"""Draws frames and figures into PNG files; no display is needed."""

from bevfusion.pictures.charts import draw_curves, draw_diagnosis
from bevfusion.pictures.judged import judged_scene, rank_frames, sample_frames, unlabelled_scene
from bevfusion.pictures.scene import Scene, draw_scene

__all__ = [
    "Scene",
    "draw_curves",
    "draw_diagnosis",
    "draw_scene",
    "judged_scene",
    "rank_frames",
    "sample_frames",
    "unlabelled_scene",
]
