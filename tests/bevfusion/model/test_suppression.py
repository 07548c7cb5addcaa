import pytest
import torch

from bevfusion.errors import SpecError
from bevfusion.model.suppression import Suppression

pytestmark = pytest.mark.torch

BOXES = torch.tensor(
    [[0.0, 0, 0, 4, 1, 2, 0], [0.3, 0, 0, 4, 1, 2, 0], [0.0, 0, 0, 4, 1, 2, 1.57], [9.0, 0, 0, 4, 1, 2, 0]]
)
SCORES = torch.tensor([0.5, 0.9, 0.8, 0.1])
ONE_CLASS = torch.zeros(4, dtype=torch.long)


def select(labels: torch.Tensor = ONE_CLASS, **config: object) -> list[int]:
    return Suppression.from_config(config).select(BOXES, SCORES, labels).tolist()


def test_without_suppression_everything_stays_in_query_order() -> None:
    assert select(nms_type=None) == [0, 1, 2, 3]


def test_circle_drops_weaker_detections_within_the_distance() -> None:
    assert select(nms_type="circle", nms_thr=0.35) == [1, 3]
    assert select(nms_type="circle", nms_thr=0.2) == [1, 2, 3]


def test_rotate_drops_overlapping_boxes_only() -> None:
    assert select(nms_type="rotate", nms_thr=0.2) == [1, 2, 3]


def test_classes_do_not_suppress_one_another() -> None:
    assert select(torch.tensor([0, 1, 2, 0]), nms_type="circle") == [1, 2, 0, 3]


def test_limits_before_and_after() -> None:
    assert select(nms_type="rotate", pre_max_size=1) == [1]
    assert select(nms_type="rotate", post_max_size=2) == [1, 2]


def test_unknown_kind_names_the_known_ones() -> None:
    with pytest.raises(SpecError, match=r"unknown nms_type 'soft'(.|\n)*null, circle or rotate"):
        select(nms_type="soft")
