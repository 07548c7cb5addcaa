"""Scores a checkpoint on a part of the data, by every key of the metric."""

from __future__ import annotations

import json
from pathlib import Path

from bevfusion.errors import SpecError
from bevfusion.spec import ExperimentSpec
from bevfusion.status import Phase, StatusWriter

__all__ = ["run"]


def run(spec: ExperimentSpec) -> None:
    """Write ``metrics.json`` (flat, key to percent) for ``dataset.test_dataset``.

    Raises:
        SpecError: no checkpoint is named.
        CheckpointError: it is missing, unsafe, or of another model.
        DataError: the part of the data set cannot be read.
    """
    from bevfusion.training.ending import memory_errors_named
    from bevfusion.training.runner import build_evaluator

    if not spec.evaluate.checkpoint:
        raise SpecError(
            "no checkpoint to score", where="evaluate.checkpoint", hint="name an epoch_<n>.pth file"
        )
    results_dir = Path(spec.results_dir)
    with memory_errors_named():
        runner = build_evaluator(spec, Path(spec.evaluate.checkpoint))
        status = StatusWriter(results_dir / "status.json") if runner.rank == 0 else None
        if status:
            status.write(Phase.STARTED, f"evaluating {spec.evaluate.checkpoint}")
        metrics = {name: float(value) for name, value in runner.test().items()}
        if status:
            text = json.dumps(metrics, indent=2, sort_keys=True)
            (results_dir / "metrics.json").write_text(text + "\n", encoding="utf-8")
            status.write(Phase.SUCCESS, "evaluation finished", kpi=metrics)
