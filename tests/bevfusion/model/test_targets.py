import math
from pathlib import Path

import numpy as np
import pytest
import torch

from bevfusion.model.decode import TAO3DBBoxCoder, TransFusionBBoxCoder
from bevfusion.model.registry import TASK_UTILS
from bevfusion.model.targets import (
    BboxOverlaps3D,
    BevGrid,
    GroundTruth,
    HungarianAssigner3D,
    draw_heatmaps,
    gaussian_radius,
    make_targets,
)

pytestmark = pytest.mark.torch

GOLDEN = np.load(Path(__file__).parents[2] / "golden" / "ops_golden.npz")
RANGE = [0, -40, -3, 70.4, 40, 1]
ASSIGNER = {
    "type": "HungarianAssigner3D",
    "iou_calculator": {"type": "BboxOverlaps3D", "coordinate": "lidar"},
    "cls_cost": {"type": "mmdet.FocalLossCost", "gamma": 2.0, "alpha": 0.25, "weight": 0.15},
    "reg_cost": {"type": "BBoxBEVL1Cost", "weight": 0.25},
    "iou_cost": {"type": "IoU3DCost", "weight": 0.25},
}


@pytest.fixture
def assigner() -> HungarianAssigner3D:
    return TASK_UTILS.build(ASSIGNER)


def people(*places: tuple[float, float], yaw: float = 0.0) -> torch.Tensor:
    return torch.tensor([[x, y, -1.7, 0.8, 0.6, 1.75, yaw] for x, y in places])


def truth(boxes: torch.Tensor) -> GroundTruth:
    return GroundTruth(boxes, torch.zeros(len(boxes), dtype=torch.long))


def test_matching_equals_the_reference(assigner: HungarianAssigner3D) -> None:
    boxes, gt = (torch.from_numpy(GOLDEN[f"iou/boxes_{side}"]) for side in "ba")
    logits = torch.from_numpy(GOLDEN["assign/cls_logits"])[0].T
    found = assigner.assign(boxes, logits, truth(gt), point_cloud_range=RANGE)
    np.testing.assert_array_equal(found.gt_index.numpy() + 1, GOLDEN["assign/gt_inds_1based"])
    np.testing.assert_allclose(found.ious.numpy(), GOLDEN["assign/max_overlaps"], atol=1e-4)


def test_overlap_equals_the_reference() -> None:
    a, b = (torch.from_numpy(GOLDEN[f"iou/boxes_{side}"]) for side in "ab")
    np.testing.assert_allclose(BboxOverlaps3D()(a, b).numpy(), GOLDEN["iou/iou3d"], atol=1e-4)


def test_overlap_of_nine_number_boxes_sees_their_yaw() -> None:
    coder = TAO3DBBoxCoder(pc_range=RANGE, out_size_factor=8, voxel_size=[0.05, 0.05])
    long = torch.tensor([[10.0, 0, -1, 4, 1, 2, 0.0]])
    turned = torch.tensor([[10.0, 0, -1, 4, 1, 2, math.pi / 2]])
    iou = BboxOverlaps3D()(coder.ground_truth(long), coder.ground_truth(turned))
    assert iou.item() == pytest.approx(1 / 7)  # the reference, which takes rx for the yaw, says 1


def test_sample_without_objects_is_all_background(assigner: HungarianAssigner3D) -> None:
    nothing = truth(people())
    nothing = GroundTruth(nothing.boxes.reshape(0, 7), nothing.labels)
    found = assigner.assign(people((5, 0), (9, 1)), torch.zeros(2, 1), nothing, point_cloud_range=RANGE)
    assert found.gt_index.tolist() == [-1, -1]
    coder = TransFusionBBoxCoder(pc_range=RANGE, out_size_factor=8, voxel_size=[0.05, 0.05])
    targets = make_targets([found], [nothing], coder, num_classes=1)
    assert targets.labels.tolist() == [[1, 1]]
    assert targets.matched_iou.item() == 0.0


def test_more_objects_than_predictions_leave_the_costliest_unmatched(assigner: HungarianAssigner3D) -> None:
    gt = truth(people((5, 0), (20, 10), (60, -30)))
    found = assigner.assign(people((20, 10.1), (5, 0.1)), torch.zeros(2, 1), gt, point_cloud_range=RANGE)
    assert found.gt_index.tolist() == [1, 0]


def test_prediction_that_is_not_a_number_is_matched_last(assigner: HungarianAssigner3D) -> None:
    boxes = people((5, 0), (5, 0))
    boxes[0] = torch.nan
    found = assigner.assign(boxes, torch.zeros(2, 1), truth(people((5, 0))), point_cloud_range=RANGE)
    assert found.gt_index.tolist() == [-1, 0]


def test_mean_overlap_counts_only_samples_with_matches(assigner: HungarianAssigner3D) -> None:
    coder = TransFusionBBoxCoder(pc_range=RANGE, out_size_factor=8, voxel_size=[0.05, 0.05])
    truths = [truth(people((5, 0))), GroundTruth(torch.zeros(0, 7), torch.zeros(0, dtype=torch.long))]
    results = [
        assigner.assign(people((5, 0), (9, 9)), torch.zeros(2, 1), each, point_cloud_range=RANGE)
        for each in truths
    ]
    assert make_targets(results, truths, coder, num_classes=1).matched_iou.item() == pytest.approx(1.0)


def test_radius_equals_the_reference() -> None:
    width, length, expected = torch.from_numpy(GOLDEN["gauss/width_length_radius_overlap0.1"]).T
    found = gaussian_radius(torch.stack([width, length], dim=1), min_overlap=0.1)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_drawn_gaussians_equal_the_reference() -> None:
    rows, columns = GOLDEN["gauss/heatmap"].shape
    drawn = torch.zeros(1, 1, columns, rows)
    for x, y, radius in GOLDEN["gauss/heatmap_xyr"].tolist():
        grid = BevGrid((0.0, 0.0), (1.0, 1.0), (columns, rows))
        point = truth(torch.tensor([[x + 0.5, y + 0.5, 0, 0.1, 0.1, 1, 0]]))
        drawn = drawn.maximum(draw_heatmaps([point], grid, num_classes=1, min_overlap=0.1, min_radius=radius))
    np.testing.assert_allclose(drawn[0, 0].numpy().T, GOLDEN["gauss/heatmap"], atol=1e-6)


def test_heat_lies_at_x_then_y_of_a_grid_that_is_not_square_and_in_its_own_class() -> None:
    grid = BevGrid((0.0, -8.0), (1.0, 2.0), (20, 8))
    boxes = torch.tensor([[17.2, 5.0, -1, 1, 1, 1, 0], [3.0, -7.9, -1, 1, 1, 1, 0]])
    truths = [
        GroundTruth(boxes[:0], torch.zeros(0, dtype=torch.long)),
        GroundTruth(boxes, torch.tensor([1, 0])),
    ]
    heat = draw_heatmaps(truths, grid, num_classes=2, min_overlap=0.1, min_radius=2)
    assert heat.shape == (2, 2, 20, 8)
    assert (heat == 1).nonzero().tolist() == [[1, 0, 3, 0], [1, 1, 17, 6]]
    assert heat[1, 1, 16, 6].item() == pytest.approx(math.exp(-1 / (2 * (5 / 6) ** 2)))
    assert heat[0].max() == 0


def test_centre_below_the_lower_border_has_no_peak_in_the_map() -> None:
    grid = BevGrid((0.0, 0.0), (1.0, 1.0), (8, 8))
    heat = draw_heatmaps([truth(people((-0.5, 4.0)))], grid, num_classes=1, min_overlap=0.1, min_radius=2)
    assert 0 < heat.max() < 1
