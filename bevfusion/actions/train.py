"""Fits a detector to a data set; what happens to it is told in ``status.json``."""

from __future__ import annotations

from pathlib import Path

from bevfusion.spec import ExperimentSpec
from bevfusion.status import Phase, StatusWriter

__all__ = ["run"]


def run(spec: ExperimentSpec) -> None:
    """Train for ``train.num_epochs``, validating and keeping checkpoints on the way.

    Raises:
        SpecError: the model cannot be built, or not be trained on this machine as the spec says.
        DataError: a part of the data set cannot be read.
        CheckpointError: the checkpoint to start from does not fit.
        OutOfMemoryError: batch or model are too large for the device.
        DivergedError: the training cannot recover.
    """
    from bevfusion.training.ending import memory_errors_named, reported_termination
    from bevfusion.training.runner import build_trainer

    results_dir = Path(spec.results_dir)
    with memory_errors_named(), reported_termination(results_dir):
        runner = build_trainer(spec)
        status = StatusWriter(results_dir / "status.json") if runner.rank == 0 else None
        if status:
            message = "; ".join(filter(None, ["training started", runner.started_from]))
            status.write(Phase.STARTED, message, max_epoch=spec.train.num_epochs)
        runner.train()
        if status:
            status.write(Phase.SUCCESS, "training finished", max_epoch=spec.train.num_epochs)
