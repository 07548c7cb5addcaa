"""Scores a checkpoint on a part of the data, by every key of the metric."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bevfusion.metrics import evaluate
from bevfusion.spec import ExperimentSpec

if TYPE_CHECKING:
    from bevfusion.actions.testing import Tested

__all__ = ["run"]


def run(spec: ExperimentSpec) -> None:
    """Write ``metrics.json`` (flat, key to percent) and all detections for ``dataset.test_dataset``.

    Raises:
        SpecError: no checkpoint is named.
        CheckpointError: it is missing, unsafe, or of another model.
        DataError: the part of the data set cannot be read.
    """
    from bevfusion.actions.testing import run_test

    run_test(spec, "evaluate", partial(_deliver, spec))


def _deliver(spec: ExperimentSpec, tested: Tested) -> dict[str, float]:
    from bevfusion.actions.predictions import write_detections

    results_dir = Path(spec.results_dir)
    truth, found = [frame.truth for frame in tested.frames], [frame.detections for frame in tested.frames]
    metrics = evaluate(truth, found, classes=spec.dataset.classes)
    text = json.dumps(metrics, indent=2, sort_keys=True)
    (results_dir / "metrics.json").write_text(text + "\n", encoding="utf-8")
    write_detections(results_dir, tested.frames)
    return metrics
