"""What evaluate and inference share: a checkpoint sees every frame of the test part, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from numpy.typing import NDArray
from torch import nn

from bevfusion.diagnosis.frames import FrameResult
from bevfusion.errors import SpecError
from bevfusion.metrics import FrameAnnotations
from bevfusion.spec import ExperimentSpec
from bevfusion.status import Phase, StatusWriter
from bevfusion.training.ending import memory_errors_named
from bevfusion.training.metric import predicted_frame
from bevfusion.training.runner import build_tester

if TYPE_CHECKING:
    from bevfusion.data.dataset import FusionDataset

__all__ = ["Delivery", "Tested", "run_test"]


@dataclass(frozen=True)
class Tested:
    """A finished test.

    Attributes:
        model: the detector on its device.
        dataset: the frames that it has seen.
        checkpoint: where its weights come from.
        frames: what it detected, by number of the frame.
    """

    model: nn.Module
    dataset: FusionDataset
    checkpoint: Path
    frames: tuple[FrameResult, ...]

    @property
    def truth(self) -> list[FrameAnnotations]:
        """Labels of each frame."""
        return [frame.truth for frame in self.frames]

    @property
    def found(self) -> list[FrameAnnotations]:
        """Detections of each frame."""
        return [frame.detections for frame in self.frames]

    def position(self, frame: FrameResult) -> int:
        """Where a frame stands in the data set."""
        return [info.sample_idx for info in self.dataset.infos.frames].index(frame.sample_idx)

    def points(self, frame: FrameResult) -> NDArray[np.float32]:
        """The points (n, 3+) of a frame as the model has seen them, LiDAR frame, metres."""
        points: torch.Tensor = self.dataset[self.position(frame)]["inputs"]["points"]
        return points.numpy()


@dataclass(frozen=True)
class Delivery:
    """What a test came to.

    Attributes:
        figures: of the last status line; a count is an integer.
        message: the same for people, in a sentence.
    """

    figures: Mapping[str, float]
    message: str


def run_test(spec: ExperimentSpec, action: str, deliver: Callable[[Tested], Delivery]) -> None:
    """Detect in every frame of ``dataset.test_dataset``, hand over what was found, and tell of it.

    Args:
        spec: the model and the data.
        action: ``evaluate`` or ``inference``: the block of the spec that names the checkpoint.
        deliver: writes the products of the action. Of several processes only the first one calls it, with
            the frames of all.

    Raises:
        SpecError: no checkpoint is named.
        CheckpointError: it is missing, unsafe, or of another model.
        DataError: the part of the data set cannot be read.
        OutOfMemoryError: model or batch are too large for the device.
    """
    checkpoint = getattr(spec, action).checkpoint
    if not checkpoint:
        raise SpecError(
            "names no checkpoint", where=f"{action}.checkpoint", hint="name an epoch_<n>.pth file"
        )
    collected = _Frames(spec.dataset.classes)
    with memory_errors_named():
        runner = build_tester(spec, Path(checkpoint), collected)
        status = StatusWriter(Path(spec.results_dir) / "status.json") if runner.rank == 0 else None
        if status:
            status.write(Phase.STARTED, f"{action} of {checkpoint}")
        runner.test()
        if status:
            model = getattr(runner.model, "module", runner.model)
            dataset = runner.test_dataloader.dataset
            delivery = deliver(Tested(model, dataset, Path(checkpoint), collected.frames))
            status.write(Phase.SUCCESS, delivery.message, kpi=delivery.figures)


class _Frames(BaseMetric):
    """Keeps every frame of a test, from all processes."""

    def __init__(self, classes: Sequence[str]) -> None:
        super().__init__(collect_device="gpu", prefix="test")  # over the network; "cpu" is a shared folder
        self._classes = tuple(classes)
        self.frames: tuple[FrameResult, ...] = ()

    def process(self, data_batch: Any, data_samples: Sequence[Mapping[str, Any]]) -> None:  # noqa: ARG002
        """Keep the frames of one batch."""
        for sample in data_samples:
            self.results.append(_frame_result(sample, predicted_frame(sample, self._classes)))

    def compute_metrics(self, results: list[FrameResult]) -> dict[str, float]:
        """Put the frames in order, whichever process saw them."""
        self.frames = tuple(sorted(results, key=lambda frame: frame.sample_idx))
        return {"frames": float(len(self.frames))}


def _frame_result(sample: Mapping[str, Any], found: FrameAnnotations) -> FrameResult:
    labels = sample["eval_ann_info"]
    height, width = sample["ori_shape"][:2]
    return FrameResult(
        sample_idx=sample["sample_idx"],
        name=sample["frame_name"],
        image_path=Path(sample["img_path"]),
        size_px=(height, width),
        cam2img=np.asarray(sample["cam2img"][0], dtype=np.float64),
        lidar2cam=np.asarray(sample["lidar2cam"][0], dtype=np.float64),
        labels=FrameAnnotations.from_info(labels) if labels else None,
        detections=found,
    )
