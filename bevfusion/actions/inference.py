"""Writes the detections of a checkpoint, one KITTI text file per frame."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bevfusion.spec import ExperimentSpec

if TYPE_CHECKING:
    from bevfusion.actions.testing import Tested

__all__ = ["run"]


def run(spec: ExperimentSpec) -> None:
    """Write ``predictions/<frame>.txt`` and ``predictions.json`` for the frames of ``dataset.test_dataset``.

    Each line of text has KITTI's 15 columns and the score; scores under ``inference.conf_threshold`` are left out.

    Raises:
        SpecError: no checkpoint is named.
        CheckpointError: it is missing, unsafe, or of another model.
        DataError: the part of the data set cannot be read.
    """
    from bevfusion.actions.testing import run_test

    run_test(spec, "inference", partial(_deliver, spec), score_threshold=spec.inference.conf_threshold)


def _deliver(spec: ExperimentSpec, tested: Tested) -> dict[str, float]:
    from bevfusion.actions.predictions import write_detections

    write_detections(Path(spec.results_dir), tested.frames)
    return {
        "frames": float(len(tested.frames)),
        "detections": float(sum(len(frame.detections) for frame in tested.frames)),
    }
