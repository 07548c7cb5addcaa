import importlib.util
import sys
from importlib.machinery import ModuleSpec

import numpy as np
import pytest
import torch
from shapely import affinity
from shapely.geometry import Polygon, box

from bevfusion.ops import OpUnavailableError, register_mmcv_ops

pytestmark = pytest.mark.torch

STAND_IN = register_mmcv_ops()


def rectangles(count: int, seed: int) -> torch.Tensor:
    draw = np.random.default_rng(seed)
    values = [
        draw.uniform(-2, 2, (count, 2)),
        draw.uniform(0.5, 3, (count, 2)),
        draw.uniform(-3, 3, (count, 1)),
    ]
    return torch.from_numpy(np.concatenate(values, axis=1))


def polygon(row: torch.Tensor) -> Polygon:
    x, y, along, across, heading = row.tolist()
    upright = box(x - along / 2, y - across / 2, x + along / 2, y + across / 2)
    return affinity.rotate(upright, heading, origin=(x, y), use_radians=True)


def test_registering_twice_keeps_the_first_stand_in() -> None:
    first = sys.modules["mmcv._ext"]
    assert register_mmcv_ops() is STAND_IN
    assert sys.modules["mmcv._ext"] is first


def test_compiled_mmcv_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "mmcv._ext")
    monkeypatch.setattr("bevfusion.ops.mmcv_ext.find_spec", lambda name: ModuleSpec(name, None))
    assert register_mmcv_ops() is False
    assert "mmcv._ext" not in sys.modules


def test_missing_operator_names_itself_and_the_package_to_install() -> None:
    from mmcv.ops import three_nn

    with pytest.raises(OpUnavailableError, match=r"'three_nn_forward'(.|\n)*compiled mmcv 2\.1\.0"):
        three_nn(torch.rand(1, 2, 3), torch.rand(1, 3, 3))


def test_stand_in_does_not_pretend_to_have_module_attributes() -> None:
    assert importlib.util.find_spec("mmcv.ops") is not None
    assert not hasattr(sys.modules["mmcv._ext"], "__path__")


def test_rotated_overlap_equals_shapely() -> None:
    from mmcv.ops import box_iou_rotated

    a, b = rectangles(7, seed=1), rectangles(9, seed=2)
    expected = [
        [polygon(p).intersection(polygon(q)).area / polygon(p).union(polygon(q)).area for q in b] for p in a
    ]
    np.testing.assert_allclose(box_iou_rotated(a, b).numpy(), expected, atol=1e-9)


def test_overlap_over_the_first_area_and_aligned_pairs_equal_shapely() -> None:
    from mmcv.ops import box_iou_rotated

    a, b = rectangles(6, seed=3), rectangles(6, seed=4)
    expected = [polygon(p).intersection(polygon(q)).area / polygon(p).area for p, q in zip(a, b, strict=True)]
    found = box_iou_rotated(a, b, mode="iof", aligned=True)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-9)


def test_rotated_suppression_keeps_the_best_of_each_group_and_class() -> None:
    from mmcv.ops import nms_rotated

    boxes = torch.tensor([[0, 0, 4, 2, 0.3], [0.1, 0, 4, 2, 0.3], [9, 0, 4, 2, 0.0], [0, 0.1, 4, 2, 0.3]])
    scores, labels = torch.tensor([0.5, 0.9, 0.2, 0.7]), torch.tensor([0, 0, 0, 1])
    assert nms_rotated(boxes, scores, 0.5)[1].tolist() == [1, 2]
    assert nms_rotated(boxes, scores, 0.5, labels)[1].tolist() == [1, 3, 2]


@pytest.mark.parametrize("weight", [None, torch.tensor([0.5, 2.0, 1.0])])
def test_focal_loss_and_gradient_equal_mmdet(weight: torch.Tensor | None) -> None:
    from mmcv.ops import sigmoid_focal_loss
    from mmdet.models.losses.focal_loss import py_sigmoid_focal_loss

    logits = torch.randn(8, 3, generator=torch.Generator().manual_seed(0), requires_grad=True)
    target = torch.tensor([0, 1, 2, 3, 3, 0, 1, 2])
    one_hot = torch.nn.functional.one_hot(target, 4)[:, :3]
    expected = py_sigmoid_focal_loss(logits, one_hot, gamma=2.0, alpha=0.25, reduction="none")
    expected = (expected if weight is None else expected * weight).sum()
    found = sigmoid_focal_loss(logits, target, 2.0, 0.25, weight, "sum")
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)
    gradients = [torch.autograd.grad(loss, logits, retain_graph=True)[0] for loss in (found, expected)]
    torch.testing.assert_close(*gradients)
