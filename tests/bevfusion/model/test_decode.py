import math
from pathlib import Path

import numpy as np
import pytest
import torch

from bevfusion.errors import SpecError
from bevfusion.model.decode import TAO3DBBoxCoder, TransFusionBBoxCoder, upright_boxes

pytestmark = pytest.mark.torch

GOLDEN = np.load(Path(__file__).parents[2] / "golden" / "ops_golden.npz")
PLACE = {"pc_range": [0, -40, -3, 70.4, 40, 1], "out_size_factor": 8, "voxel_size": [0.05, 0.05, 0.1]}
CODE = {key: torch.from_numpy(GOLDEN[f"coder/in_{key}"]) for key in ("center", "height", "dim", "rot")}


def code_of(boxes: torch.Tensor, coder: TransFusionBBoxCoder) -> dict[str, torch.Tensor]:
    """Targets (n, K) of boxes, as the head would say them."""
    parts = coder.encode(boxes).T[None].split([2, 1, 3, coder.code_size - 6], dim=1)
    return dict(zip(("center", "height", "dim", "rot"), parts, strict=True))


def test_nine_number_code_equals_tao() -> None:
    boxes = torch.from_numpy(GOLDEN["box/tao_lidar9"])
    found = TAO3DBBoxCoder(**PLACE).encode(boxes)
    np.testing.assert_allclose(found.numpy(), GOLDEN["coder/tao_encode"], atol=1e-5)


def test_nine_number_decoding_equals_tao() -> None:
    found = TAO3DBBoxCoder(**PLACE).decode(CODE)
    np.testing.assert_allclose(found.numpy(), GOLDEN["coder/tao_decode_nofilter"], rtol=1e-5, atol=1e-4)


def test_filtered_predictions_equal_tao() -> None:
    stored = [GOLDEN[f"coder/tao_decode{index}_scores"] for index in range(2)]
    threshold = min(float(scores.min()) for scores in stored)
    limits = [-61.2, -61.2, -20.0, 61.2, 61.2, 20.0]
    coder = TAO3DBBoxCoder(**PLACE, post_center_range=limits, score_threshold=threshold)
    boxes, scores = coder.decode(CODE), torch.from_numpy(GOLDEN["coder/in_heatmap"])[:, 0]
    for index in range(2):
        kept = coder.kept(boxes, scores)[index]
        np.testing.assert_allclose(boxes[index][kept], GOLDEN[f"coder/tao_decode{index}_bboxes"], atol=1e-4)


@pytest.mark.parametrize("coder", [TransFusionBBoxCoder(**PLACE), TAO3DBBoxCoder(**PLACE)])
def test_decoding_undoes_encoding(coder: TransFusionBBoxCoder) -> None:
    boxes = torch.tensor([[12.0, -3, -1.7, 0.8, 0.6, 1.75, -2.9], [40, 20, -1, 4, 1.7, 1.5, 1.2]])
    boxes = coder.ground_truth(boxes)
    torch.testing.assert_close(coder.decode(code_of(boxes, coder))[0], boxes, rtol=1e-5, atol=1e-4)


def test_hand_worked_code_of_an_upright_box() -> None:
    box = torch.tensor([[4.0, -38.0, -1.0, 1.0, math.e, 2.0, math.pi / 6]])
    expected = [10.0, 5.0, 0.0, 0.0, 1.0, math.log(2), 0.5, math.sqrt(3) / 2]
    assert TransFusionBBoxCoder(**PLACE).encode(box)[0].tolist() == pytest.approx(expected, abs=1e-5)


def test_velocity_travels_with_the_ten_number_code() -> None:
    coder = TransFusionBBoxCoder(**PLACE, code_size=10)
    box = torch.tensor([[4.0, -38, -1, 1, 1, 2, 0.3, 1.5, -0.5]])
    assert coder.encode(box)[0, 8:].tolist() == [1.5, -0.5]
    code = code_of(box[:, :7], TransFusionBBoxCoder(**PLACE)) | {"vel": torch.tensor([[[1.5], [-0.5]]])}
    torch.testing.assert_close(coder.decode(code)[0], box)
    assert coder.spatial(box).shape == (1, 7)


def test_a_yaw_alone_becomes_an_upright_nine_number_box_and_back() -> None:
    box = torch.tensor([[4.0, 1, -1, 1, 1, 2, -2.5]])
    nine = TAO3DBBoxCoder(**PLACE).ground_truth(box)
    assert nine[0, 6:].tolist() == [0.0, 0.0, -2.5]
    torch.testing.assert_close(upright_boxes(nine), box)


def test_heading_of_a_box_turned_over_sideways_points_the_other_way() -> None:
    over = torch.tensor([[0.0, 0, 0, 1, 1, 1, math.pi, math.pi, 0.4]])
    assert upright_boxes(over)[0, 6].item() == pytest.approx(0.4 - math.pi, abs=1e-5)


def test_limits_are_part_of_the_range_and_zero_threshold_keeps_all() -> None:
    coder = TransFusionBBoxCoder(**PLACE, post_center_range=[0, 0, 0, 1, 1, 1], score_threshold=0.0)
    boxes = torch.zeros(3, 7)
    boxes[1, 0], boxes[2, 2] = 1.0, -0.1
    assert coder.kept(boxes, torch.zeros(3)).tolist() == [True, True, False]


def test_code_size_that_does_not_fit_the_coder_names_what_does() -> None:
    with pytest.raises(SpecError, match=r"code_size 12 does not fit TransFusionBBoxCoder(.|\n)*use 8 or 10"):
        TransFusionBBoxCoder(**PLACE, code_size=12)
