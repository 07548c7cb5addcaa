"""What becomes of detections: AP11 as mmengine wants a metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric

from bevfusion.geometry.boxes import camera_corners, lidar7_to_camera7, project_boxes
from bevfusion.metrics import FrameAnnotations, evaluate

__all__ = ["AveragePrecisionMetric", "predicted_frame"]


class AveragePrecisionMetric(BaseMetric):
    """Scores predictions by KITTI's rule against the full annotations of each frame.

    Args:
        classes: class names in label order.
    """

    def __init__(self, *, classes: Sequence[str]) -> None:
        super().__init__(collect_device="gpu")  # over the network; "cpu" is a folder that nodes must share
        self._classes = tuple(classes)

    def process(self, data_batch: Any, data_samples: Sequence[Mapping[str, Any]]) -> None:
        """Keep ground truth and predictions of one batch as KITTI annotations."""
        for sample in data_samples:
            labels = sample["eval_ann_info"]
            truth = FrameAnnotations.from_info(labels) if labels else FrameAnnotations.empty()
            self.results.append((sample["sample_idx"], truth, predicted_frame(sample, self._classes)))

    def compute_metrics(
        self, results: list[tuple[int, FrameAnnotations, FrameAnnotations]]
    ) -> dict[str, float]:
        """All keys of the metric, in percent; ``AP11`` is the one that tuning follows."""
        ordered = sorted(results, key=lambda result: result[0])
        truth, found = [entry[1] for entry in ordered], [entry[2] for entry in ordered]
        return evaluate(truth, found, classes=self._classes)


def predicted_frame(sample: Mapping[str, Any], classes: Sequence[str]) -> FrameAnnotations:
    """Detections of one frame in the camera frame, as KITTI scores them.

    Boxes that no pixel sees are left out: KITTI labels nothing outside the image.

    Args:
        sample: a predicted ``Det3DDataSample`` as a dict, boxes in the raw LiDAR frame.
        classes: class names in label order.
    """
    found = sample["pred_instances_3d"]
    boxes = lidar7_to_camera7(found["bboxes_3d"].tensor[:, :7].double().cpu().numpy(), sample["lidar2cam"][0])
    height_px, width_px = sample["ori_shape"][:2]
    boxes_2d = project_boxes(
        camera_corners(boxes), sample["cam2img"][0], height_px=height_px, width_px=width_px
    )
    scores = found["scores_3d"].double().cpu().numpy()
    seen = (boxes_2d[:, 2] > boxes_2d[:, 0]) & (boxes_2d[:, 3] > boxes_2d[:, 1])
    boxes, boxes_2d = boxes[seen], boxes_2d[seen]
    labels = found["labels_3d"].cpu().numpy()[seen]
    return FrameAnnotations(
        names=np.asarray([classes[label] for label in labels], dtype=np.str_),
        truncated=np.zeros(len(boxes)),
        occluded=np.zeros(len(boxes)),
        alpha=boxes[:, 6] - np.arctan2(boxes[:, 0], boxes[:, 2]),
        boxes_2d=boxes_2d,
        dimensions_lhw=boxes[:, 3:6],
        locations=boxes[:, :3],
        rotation_y=boxes[:, 6],
        scores=scores[seen],
    )
