"""Detections as files: KITTI's text for scoring, JSON for everything else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bevfusion.diagnosis.frames import FrameResult
from bevfusion.geometry.boxes import camera7_to_lidar7
from bevfusion.geometry.frames import invert_rigid
from bevfusion.metrics import write_predictions

__all__ = ["write_detections"]


def write_detections(results_dir: Path, frames: Sequence[FrameResult]) -> None:
    """Write ``predictions/<frame>.txt``, 16 columns a line, and all of it in ``predictions.json``.

    The JSON file holds an entry per frame, and per detection ``class``, ``score``, ``box_lidar`` (x, y, z of
    the bottom centre, length, width, height, yaw; LiDAR frame, m and rad), ``box_camera`` (x, y, z of the
    bottom centre, length, height, width, rotation_y; rectified camera, m and rad) and ``box_2d`` (left, top,
    right, bottom; pixels).

    Args:
        results_dir: receives both; files of an earlier run are replaced.
        frames: what was detected.
    """
    folder = results_dir / "predictions"
    for stale in folder.rglob("*.txt"):
        stale.unlink()
    for frame in frames:
        path = folder / f"{frame.name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_predictions(path, frame.detections)
    text = json.dumps({"frames": [_entry(frame) for frame in frames]}, indent=1)
    (results_dir / "predictions.json").write_text(text + "\n", encoding="utf-8")


def _entry(frame: FrameResult) -> dict[str, Any]:
    found = frame.detections
    boxes_camera = found.boxes_camera
    boxes_lidar = camera7_to_lidar7(boxes_camera, invert_rigid(frame.lidar2cam))
    columns = zip(
        found.names, found.scores, boxes_lidar.round(4), boxes_camera.round(4), found.boxes_2d, strict=True
    )
    detections = [
        {
            "class": str(name),
            "score": round(float(score), 6),
            "box_lidar": lidar.tolist(),
            "box_camera": camera.tolist(),
            "box_2d": image.round(2).tolist(),
        }
        for name, score, lidar, camera, image in columns
    ]
    return {"frame": frame.name, "image": str(frame.image_path), "detections": detections}
