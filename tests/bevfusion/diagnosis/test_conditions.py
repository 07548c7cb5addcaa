import numpy as np
import pytest

pytestmark = pytest.mark.torch

import torch  # noqa: E402

from bevfusion.model import register  # noqa: E402

register()  # makes mmdet3d importable

from mmdet3d.structures import Det3DDataSample  # noqa: E402
from mmengine.structures import InstanceData  # noqa: E402

from bevfusion.diagnosis.conditions import CONDITIONS, shift_camera, turn_camera  # noqa: E402
from bevfusion.diagnosis.probe import Percentiles, probe  # noqa: E402

INTRINSICS = np.array([[500.0, 0, 300, 0], [0, 500, 100, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
# camera axes right, down, forward from LiDAR axes forward, left, up; 0.3 m behind the LiDAR
LIDAR2CAM = np.array([[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0.3], [0, 0, 0, 1]])
PERSON = [9.7, -1.0, -1.6, 0.8, 0.6, 1.7, -np.pi / 2]


def item() -> dict:
    matrices = {
        "lidar2cam": LIDAR2CAM,
        "cam2img": INTRINSICS,
        "lidar2img": INTRINSICS @ LIDAR2CAM,
        "cam2lidar": np.linalg.inv(LIDAR2CAM),
    }
    meta = {name: matrix[None].astype(np.float32) for name, matrix in matrices.items()}
    sample = Det3DDataSample(metainfo=meta | {"ori_shape": (200, 600), "sample_idx": 0})
    labels = {"name": ["Pedestrian"], "truncated": [0.0], "occluded": [0], "alpha": [0.0]}
    box = {"bbox": [[310.0, 92.0, 390.0, 181.0]], "dimensions": [[0.8, 1.7, 0.6]]}
    sample.eval_ann_info = labels | box | {"location": [[1.0, 1.6, 10.0]], "rotation_y": [0.0]}
    return {
        "inputs": {"points": torch.ones(5, 4), "img": torch.ones(1, 3, 8, 8)},
        "data_samples": sample,
    }


def pixel(of: dict, point: list[float]) -> np.ndarray:
    u, v, depth = (of["data_samples"].metainfo["lidar2img"][0] @ [*point, 1.0])[:3]
    return np.array([u / depth, v / depth])


def test_dead_sensors_show_nothing_and_leave_the_frame_as_it_is():
    recorded = item()
    assert CONDITIONS["camera off"](recorded)["inputs"]["img"].sum() == 0
    assert CONDITIONS["LiDAR off"](recorded)["inputs"]["points"].shape == (0, 4)
    assert recorded["inputs"]["img"].sum() == 192
    assert recorded["inputs"]["points"].shape == (5, 4)


def test_turned_camera_sees_what_is_ahead_further_left():
    recorded = item()
    before, after = (pixel(view, [9.7, 0.0, 0.0]) for view in (recorded, turn_camera(recorded, degrees=1.0)))
    np.testing.assert_allclose(before, [300, 100], atol=1e-3)
    np.testing.assert_allclose(after, [300 - 500 * np.tan(np.deg2rad(1.0)), 100], atol=1e-3)


def test_shifted_camera_sees_near_things_further_left():
    after = pixel(shift_camera(item(), metres=0.1), [9.7, 0.0, 0.0])
    np.testing.assert_allclose(after, [300 - 500 * 0.1 / 10, 100], atol=1e-3)


@pytest.mark.parametrize("name", [name for name in CONDITIONS if name.startswith("camera ")][1:])
def test_stated_matrices_belong_together(name):
    meta = CONDITIONS[name](item())["data_samples"].metainfo
    np.testing.assert_allclose(meta["lidar2img"][0] @ meta["cam2lidar"][0], INTRINSICS, atol=1e-3)
    np.testing.assert_allclose(meta["lidar2img"][0], INTRINSICS @ meta["lidar2cam"][0], atol=1e-3)


class Detector(torch.nn.Module):
    """Sees the person wherever there is a point, and nobody in the dark."""

    def test_step(self, batch: dict) -> list:
        (sample,) = batch["data_samples"]
        seen = int(len(batch["inputs"]["points"][0]) > 0 and batch["inputs"]["img"][0].any())
        boxes = torch.tensor([PERSON] * seen).reshape(-1, 7)
        found = sample.clone()
        found.pred_instances_3d = InstanceData(
            bboxes_3d=type("Boxes", (), {"tensor": boxes, "__len__": lambda _: seen})(),
            scores_3d=torch.ones(seen),
            labels_3d=torch.zeros(seen, dtype=torch.long),
        )
        return [found]


def test_probe_scores_by_the_true_calibration_whatever_the_model_is_shown():
    frames = [item() for _ in range(60)]
    result = probe(Detector(), frames, range(60), conditions=CONDITIONS, classes=["person"])
    assert result.frames == 60
    assert result.ap11 == {
        "as recorded": 100.0,
        "camera off": 0.0,
        "LiDAR off": 0.0,
        "camera turned by 0.5 deg": 100.0,
        "camera turned by 1 deg": 100.0,
        "camera shifted by 5 cm": 100.0,
        "camera shifted by 10 cm": 100.0,
    }
    assert 0 < result.latency_ms.p50 <= result.latency_ms.p90 <= result.latency_ms.p99


def test_only_the_chosen_frames_are_read():
    frames = [None, item(), None, item()]
    assert probe(Detector(), frames, [1, 3], conditions={}, classes=["person"]).frames == 2


def test_percentiles_leave_the_warm_up_out():
    assert Percentiles.of([9.0, 9.0, 0.001, 0.003]) == pytest.approx(Percentiles(2.0, 2.8, 2.98))
    assert Percentiles.of([0.004]).p99 == pytest.approx(4.0)
