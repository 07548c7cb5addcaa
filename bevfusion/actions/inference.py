"""Writes the detections of a checkpoint, one KITTI text file per frame."""

from __future__ import annotations

from pathlib import Path

from bevfusion.errors import SpecError
from bevfusion.spec import ExperimentSpec
from bevfusion.status import Phase, StatusWriter

__all__ = ["run"]


def run(spec: ExperimentSpec) -> None:
    """Write ``predictions/<frame>.txt`` for every frame of ``dataset.test_dataset``.

    Each line has KITTI's 15 columns and the score; scores under ``inference.conf_threshold`` are left out.

    Raises:
        SpecError: no checkpoint is named.
        CheckpointError: it is missing, unsafe, or of another model.
        DataError: the part of the data set cannot be read.
    """
    from bevfusion.training.ending import memory_errors_named
    from bevfusion.training.runner import build_inferencer

    if not spec.inference.checkpoint:
        raise SpecError(
            "no checkpoint to infer with", where="inference.checkpoint", hint="name an epoch_<n>.pth file"
        )
    results_dir = Path(spec.results_dir)
    with memory_errors_named():
        runner = build_inferencer(spec, Path(spec.inference.checkpoint), results_dir / "predictions")
        status = StatusWriter(results_dir / "status.json") if runner.rank == 0 else None
        if status:
            status.write(Phase.STARTED, f"inferring with {spec.inference.checkpoint}")
        counts = runner.test()
        if status:
            status.write(Phase.SUCCESS, "predictions written", kpi=counts)
