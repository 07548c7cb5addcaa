"""The same scenes, written in each convention, are the same data to the detector and to its score."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="the detector is not installed")

from bevfusion.ops import register_mmcv_ops  # noqa: E402  mmdet3d needs its operations first

register_mmcv_ops()

from mmdet3d.structures import LiDARInstance3DBoxes  # noqa: E402
from mmengine.structures import InstanceData  # noqa: E402

from bevfusion.actions import dataset_convert  # noqa: E402
from bevfusion.data.box_types import TiltedLidarBoxes  # noqa: E402
from bevfusion.data.dataset import FusionDataset, open_split  # noqa: E402
from bevfusion.demo import write_dataset  # noqa: E402
from bevfusion.geometry.boxes import upright_boxes  # noqa: E402
from bevfusion.metrics import FrameAnnotations, evaluate  # noqa: E402
from bevfusion.spec import ConvertSpec, ExperimentSpec, load_spec  # noqa: E402
from bevfusion.training.metric import predicted_frame  # noqa: E402

TYPES = {
    "kitti": ("KittiPersonDataset", {}),
    "tao3d": ("TAO3DDataset", {"dataset": "tao3d"}),
    "tao3d_synthetic": ("TAO3DSyntheticDataset", {"dataset": "tao3d", "is_synthetic": True}),
}
PARTS = ("train", "val", "test")


@pytest.fixture(scope="module")
def specs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ExperimentSpec]:
    """A spec on twelve converted frames, for each layout."""
    found = {}
    for layout, (kind, options) in TYPES.items():
        root = tmp_path_factory.mktemp(layout) / "data"
        write_dataset(root, frames=12, seed=2, layout=layout, workers=1, progress=False)
        dataset_convert.run(ConvertSpec(root_dir=str(root), output_prefix="demo", **options))
        overrides = [f"dataset.{part}_dataset.ann_file={root}/demo_infos_{part}.pkl" for part in PARTS]
        (root / "spec.yaml").write_text(f"dataset: {{type: {kind}, root_dir: {root}}}")
        found[layout] = load_spec(root / "spec.yaml", overrides)
    return found


def frames_of(spec: ExperimentSpec, *, augment: bool = False) -> list[dict[str, Any]]:
    """All frames of all splits, in the order in which they were made."""
    parts = (getattr(spec.dataset, f"{part}_dataset") for part in PARTS)
    datasets: list[FusionDataset] = [open_split(spec, part, augment=augment) for part in parts]
    return [dataset[index] for dataset in datasets for index in range(len(dataset))]


@pytest.mark.parametrize("layout", ["tao3d", "tao3d_synthetic"])
@pytest.mark.parametrize("augment", [False, True])
def test_frames_are_the_same_through_every_layout(
    specs: dict[str, ExperimentSpec], layout: str, augment: bool
) -> None:
    pairs = zip(*(frames_of(specs[name], augment=augment) for name in ("kitti", layout)), strict=True)
    boxes_seen = 0
    for kitti, other in pairs:
        assert torch.equal(kitti["inputs"]["points"], other["inputs"]["points"])
        assert torch.equal(kitti["inputs"]["img"], other["inputs"]["img"])
        a, b = kitti["data_samples"], other["data_samples"]
        for name in ("lidar2img", "cam2lidar", "img_aug_matrix", "lidar_aug_matrix"):
            np.testing.assert_allclose(getattr(a, name), getattr(b, name), rtol=1e-5, atol=1e-5)
        boxes, tilted = (sample.gt_instances_3d.bboxes_3d.tensor.numpy() for sample in (a, b))
        np.testing.assert_allclose(tilted[:, 6:8], 0, atol=1e-6)
        np.testing.assert_allclose(upright_boxes(tilted), boxes, atol=1e-5)
        boxes_seen += len(boxes)
    assert boxes_seen > 20


def test_types_bring_their_own_boxes_and_names(specs: dict[str, ExperimentSpec]) -> None:
    first = {layout: frames_of(spec)[4]["data_samples"] for layout, spec in specs.items()}
    assert [sample.frame_name for sample in first.values()] == ["000004", *["street_0001/000000"] * 2]
    kinds = {layout: type(sample.gt_instances_3d.bboxes_3d) for layout, sample in first.items()}
    assert kinds == {
        "kitti": LiDARInstance3DBoxes, "tao3d": TiltedLidarBoxes, "tao3d_synthetic": TiltedLidarBoxes
    }  # fmt: skip


def test_same_detections_score_the_same_through_every_layout(specs: dict[str, ExperimentSpec]) -> None:
    detections = [detect(frame, seed) for seed, frame in enumerate(frames_of(specs["kitti"]))]
    scores = {layout: score(spec, detections) for layout, spec in specs.items()}
    headline = scores["kitti"]["TAO3D/person_3D_AP11_moderate_strict"]
    assert 30 < headline < 90
    assert scores["tao3d"] == pytest.approx(scores["kitti"], abs=1e-9)
    assert scores["tao3d_synthetic"] == pytest.approx(scores["kitti"], abs=1e-9)


def detect(frame: dict[str, Any], seed: int) -> InstanceData:
    """Ground truth of a frame, beside its place, and one thing that is not there."""
    rng = np.random.default_rng(seed)
    boxes = frame["data_samples"].gt_instances_3d.bboxes_3d.tensor.numpy()
    boxes = np.concatenate([boxes, [[12, 3, -1.7, 0.8, 0.6, 1.7, 0]]])
    boxes = boxes + rng.normal(0, [0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.3], boxes.shape)
    return InstanceData(
        bboxes_3d=LiDARInstance3DBoxes(torch.from_numpy(boxes)),
        scores_3d=torch.from_numpy(rng.random(len(boxes))),
        labels_3d=torch.zeros(len(boxes), dtype=torch.int64),
    )


def score(spec: ExperimentSpec, detections: list[InstanceData]) -> dict[str, float]:
    samples = [frame["data_samples"] for frame in frames_of(spec)]
    found = [
        predicted_frame(sample.to_dict() | {"pred_instances_3d": found}, ("person",))
        for sample, found in zip(samples, detections, strict=True)
    ]
    truth = [FrameAnnotations.from_info(sample.eval_ann_info) for sample in samples]
    return evaluate(truth, found, classes=("person",))
