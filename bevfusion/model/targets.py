"""What the head should have said: matching of predictions to ground truth, and heat maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmengine.structures import InstanceData
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from bevfusion.geometry.rotated_iou import iou_3d
from bevfusion.model.decode import TransFusionBBoxCoder, upright_boxes
from bevfusion.model.registry import TASK_UTILS

__all__ = [
    "Assignment",
    "BBoxBEVL1Cost",
    "BboxOverlaps3D",
    "BevGrid",
    "GroundTruth",
    "HungarianAssigner3D",
    "IoU3DCost",
    "Targets",
    "draw_heatmaps",
    "make_targets",
]

_HOPELESS = 1e6  # cost of a prediction that is not a number: matched last, so that the loss tells of it


@dataclass(frozen=True)
class BevGrid:
    """The cells of the head's map: lower corner (m), edge (m) and number, each along x, y."""

    origin_m: tuple[float, float]
    cell_m: tuple[float, float]
    cells: tuple[int, int]


@dataclass(frozen=True)
class GroundTruth:
    """The annotated boxes (G, 7 or 9, as the box coder takes them) and classes (G,) int64 of a sample."""

    boxes: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Assignment:
    """Which box each prediction shall become.

    Attributes:
        gt_index: (P,) int64 index of the ground truth, -1 for background.
        ious: (P,) float 3D overlap with it, 0 for background.
    """

    gt_index: Tensor
    ious: Tensor


@dataclass(frozen=True)
class Targets:
    """Training targets of a batch (B samples, P predictions, K numbers of a box code).

    Attributes:
        labels: (B, P) int64 class; the number of classes means background.
        boxes: (B, P, K) float code of the matched box, 0 for background.
        is_positive: (B, P) bool.
        ious: (B, P) float in 0..1, overlap with the matched box.
    """

    labels: Tensor
    boxes: Tensor
    is_positive: Tensor
    ious: Tensor

    @property
    def matched_iou(self) -> Tensor:
        """Mean overlap of the matched predictions of a sample, averaged over samples that have any."""
        matches = self.is_positive.sum(dim=1)
        per_sample = self.ious.sum(dim=1) / matches.clamp(min=1)
        return per_sample.sum() / (matches > 0).sum().clamp(min=1)


@TASK_UTILS.register_module()
class BboxOverlaps3D:
    """Rotated 3D overlap of every prediction with every annotated box.

    Nine-number boxes are compared by their heading; the reference takes rx for the yaw and is blind to it.

    Args:
        coordinate: frame of the boxes; only ``lidar``.
    """

    def __init__(self, *, coordinate: str = "lidar") -> None:
        self.coordinate = coordinate

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """Overlap (n, m) float of boxes (n, 7 or 9) and (m, 7 or 9)."""
        pair = [upright_boxes(boxes).detach().double().cpu().numpy() for boxes in (a, b)]
        return torch.from_numpy(iou_3d(*pair)).to(a)


@TASK_UTILS.register_module()
class BBoxBEVL1Cost:
    """City-block distance of the centres seen from above, in shares of the point cloud range.

    Args:
        weight: factor.
    """

    def __init__(self, *, weight: float) -> None:
        self.weight = weight

    def __call__(self, a: Tensor, b: Tensor, point_cloud_range: Sequence[float]) -> Tensor:
        """Cost (n, m) of boxes (n, 7+) and (m, 7+) within x0, y0, z0, x1, y1, z1 (m)."""
        low, high = a.new_tensor(point_cloud_range).view(2, 3)[:, :2]
        extent = high - low
        return torch.cdist((a[:, :2] - low) / extent, (b[:, :2] - low) / extent, p=1) * self.weight


@TASK_UTILS.register_module()
class IoU3DCost:
    """The more a prediction overlaps a box, the cheaper is their match.

    Args:
        weight: factor.
    """

    def __init__(self, *, weight: float) -> None:
        self.weight = weight

    def __call__(self, iou: Tensor) -> Tensor:
        """Cost, same shape as the overlap."""
        return -iou * self.weight


@TASK_UTILS.register_module()
class HungarianAssigner3D:
    """Cheapest one-to-one matching of predictions and ground truth (DETR, TransFusion).

    Args:
        cls_cost: config of mmdet's classification cost.
        reg_cost: config of the distance cost.
        iou_cost: config of the overlap cost.
        iou_calculator: config of the overlap.
    """

    def __init__(
        self,
        *,
        cls_cost: Mapping[str, Any],
        reg_cost: Mapping[str, Any],
        iou_cost: Mapping[str, Any],
        iou_calculator: Mapping[str, Any],
    ) -> None:
        self.cls_cost = TASK_UTILS.build(dict(cls_cost))
        self.reg_cost = TASK_UTILS.build(dict(reg_cost))
        self.iou_cost = TASK_UTILS.build(dict(iou_cost))
        self.iou_calculator = TASK_UTILS.build(dict(iou_calculator))

    def assign(
        self, boxes: Tensor, logits: Tensor, truth: GroundTruth, *, point_cloud_range: Sequence[float]
    ) -> Assignment:
        """Match the predictions of one sample.

        Args:
            boxes: (P, 7 or 9) predicted boxes.
            logits: (P, C) predicted class logits.
            truth: annotated boxes; none makes every prediction background.
            point_cloud_range: x0, y0, z0, x1, y1, z1, metres.
        """
        gt_index = torch.full((len(boxes),), -1, device=boxes.device)
        matched_iou = boxes.new_zeros(len(boxes))
        if len(truth.boxes) == 0:
            return Assignment(gt_index, matched_iou)
        iou = self.iou_calculator(boxes, truth.boxes)
        cost = (
            self.cls_cost(InstanceData(scores=logits), InstanceData(labels=truth.labels))
            + self.reg_cost(boxes, truth.boxes, point_cloud_range)
            + self.iou_cost(iou)
        )
        table = np.nan_to_num(cost.detach().cpu().numpy(), nan=_HOPELESS, posinf=_HOPELESS, neginf=_HOPELESS)
        rows, columns = (torch.from_numpy(index).to(boxes.device) for index in linear_sum_assignment(table))
        gt_index[rows] = columns
        matched_iou[rows] = iou[rows, columns]
        return Assignment(gt_index, matched_iou)


def make_targets(
    assignments: Sequence[Assignment],
    truths: Sequence[GroundTruth],
    coder: TransFusionBBoxCoder,
    *,
    num_classes: int,
) -> Targets:
    """Turn matches into what the losses compare with; sample i of both sequences belongs together."""
    labels, boxes = [], []
    for assignment, truth in zip(assignments, truths, strict=True):
        is_positive = assignment.gt_index >= 0
        matched = assignment.gt_index[is_positive]
        label = torch.full_like(assignment.gt_index, num_classes)
        label[is_positive] = truth.labels[matched]
        box = truth.boxes.new_zeros(len(label), coder.code_size)
        box[is_positive] = coder.encode(truth.boxes[matched])
        labels.append(label)
        boxes.append(box)
    return Targets(
        torch.stack(labels),
        torch.stack(boxes),
        torch.stack([assignment.gt_index >= 0 for assignment in assignments]),
        torch.stack([assignment.ious for assignment in assignments]).clamp(0.0, 1.0),
    )


def draw_heatmaps(
    truths: Sequence[GroundTruth],
    grid: BevGrid,
    *,
    num_classes: int,
    min_overlap: float,
    min_radius: int,
) -> Tensor:
    """Draw a Gaussian at the cell of each annotated centre (CenterPoint, Yin et al. 2021).

    Args:
        truths: annotated boxes of B samples.
        grid: cells of the map; x first, as in the network's maps.
        num_classes: C.
        min_overlap: two boxes whose centres are one radius apart overlap at least so much.
        min_radius: lower limit of the radius, cells.

    Returns:
        (B, C, X, Y) float32; 1 exactly at the centres.
    """
    boxes = torch.cat([truth.boxes for truth in truths])
    labels = torch.cat([truth.labels for truth in truths])
    sample = torch.arange(len(truths)).repeat_interleave(torch.tensor([len(t.boxes) for t in truths]))
    edge = boxes.new_tensor(grid.cell_m)
    centre = torch.floor((boxes[:, :2] - boxes.new_tensor(grid.origin_m)) / edge)
    size = boxes[:, 3:5] / edge
    radius = gaussian_radius(size, min_overlap=min_overlap).floor().clamp(min=min_radius)
    offset_x = torch.arange(grid.cells[0], device=boxes.device) - centre[:, :1]
    offset_y = torch.arange(grid.cells[1], device=boxes.device) - centre[:, 1:]
    spread = 2.0 * ((2.0 * radius + 1.0) / 6.0).square()[:, None]
    along_x = torch.exp(-offset_x.square() / spread) * (offset_x.abs() <= radius[:, None])
    along_y = torch.exp(-offset_y.square() / spread) * (offset_y.abs() <= radius[:, None])
    blobs = along_x[:, :, None] * along_y[:, None, :]
    heat = boxes.new_zeros(len(truths) * num_classes, *grid.cells)
    drawn = (size > 0).all(dim=1)
    channel = (sample.to(boxes.device) * num_classes + labels)[drawn]
    blobs = blobs[drawn].flatten(1)
    heat.flatten(1).scatter_reduce_(0, channel[:, None].expand_as(blobs), blobs, "amax")
    return heat.view(len(truths), num_classes, *grid.cells)


def gaussian_radius(size: Tensor, *, min_overlap: float) -> Tensor:
    """Radius of CornerNet's heat maps (Law and Deng 2018), with the divisors of its released code.

    Args:
        size: (n, 2) edges of the boxes, cells.
        min_overlap: see :func:`draw_heatmaps`.

    Returns:
        (n,) radius, cells.
    """
    perimeter, area = size.sum(dim=1), size.prod(dim=1)
    one_inside = (perimeter, area * (1 - min_overlap) / (1 + min_overlap), 1.0)
    both_inside = (2 * perimeter, area * (1 - min_overlap), 4.0)
    both_outside = (-2 * min_overlap * perimeter, -area * (1 - min_overlap), 4.0 * min_overlap)
    roots = [
        (b + (b.square() - 4 * a * c).clamp(min=0).sqrt()) / 2
        for b, c, a in (one_inside, both_inside, both_outside)
    ]
    return torch.stack(roots).amin(dim=0)
