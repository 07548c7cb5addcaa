"""Scores a checkpoint on a part of the data, and says why it scores so."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bevfusion.metrics import Curve, curves, summarise
from bevfusion.spec import ExperimentSpec

if TYPE_CHECKING:
    from bevfusion.actions.testing import Delivery, Tested
    from bevfusion.diagnosis.judgement import Judgement

__all__ = ["run"]


def run(spec: ExperimentSpec) -> None:
    """Score ``evaluate.checkpoint`` on ``dataset.test_dataset``.

    Writes ``metrics.json`` (flat, key to percent), ``curves.json`` (precision over recall) and the
    detections, see :func:`bevfusion.actions.predictions.write_detections`; with ``evaluate.diagnose`` also
    ``diagnosis.json`` and ``pictures/``.

    Raises:
        SpecError: no checkpoint is named.
        CheckpointError: it is missing, unsafe, or of another model.
        DataError: the part of the data set cannot be read.
    """
    from bevfusion.actions.testing import run_test

    run_test(spec, "evaluate", partial(_deliver, spec))


def _deliver(spec: ExperimentSpec, tested: Tested) -> Delivery:
    from bevfusion.actions.predictions import write_detections
    from bevfusion.actions.testing import Delivery
    from bevfusion.diagnosis.report import tell_balance

    results_dir = Path(spec.results_dir)
    traced = curves(tested.truth, tested.found, classes=spec.dataset.classes)
    metrics = summarise(traced)
    _write_json(results_dir / "metrics.json", metrics)
    _write_json(results_dir / "curves.json", {key: _points(curve) for key, curve in traced.items()})
    write_detections(results_dir, tested.frames)
    if spec.evaluate.diagnose:
        _diagnose(spec, tested, traced)
    return Delivery(metrics, f"evaluate finished; {tell_balance(traced, spec.dataset.classes)}")


def _diagnose(spec: ExperimentSpec, tested: Tested, traced: dict[str, Curve]) -> None:
    from bevfusion.diagnosis.conditions import CONDITIONS
    from bevfusion.diagnosis.frames import choose_frames
    from bevfusion.diagnosis.probe import probe
    from bevfusion.diagnosis.report import diagnose, judge_classes
    from bevfusion.diagnosis.size import measure_size
    from bevfusion.pictures import draw_curves, draw_diagnosis

    results_dir, classes = Path(spec.results_dir), spec.dataset.classes
    judgements = judge_classes(tested.truth, tested.found, classes, traced=traced)
    found = diagnose(tested.truth, tested.found, judgements, traced=traced)
    probed = probe(
        tested.model,
        tested.dataset,
        [tested.position(frame) for frame in choose_frames(tested.frames, spec.evaluate.diagnosis_frames)],
        conditions=CONDITIONS if spec.input_modality.use_camera else {},
        classes=classes,
    )
    document = {
        "checkpoint": str(tested.checkpoint),
        "frames": len(tested.frames),
        "classes": {name: asdict(diagnosis) for name, diagnosis in found.items()},
        "probe": asdict(probed),
        "size": asdict(measure_size(tested.model, tested.checkpoint)),
    }
    _write_json(results_dir / "diagnosis.json", document)
    folder = results_dir / "pictures"
    folder.mkdir(exist_ok=True)
    draw_curves(traced, folder / "curves.png")
    for name, diagnosis in found.items():
        path = folder / f"diagnosis_{name}.png"
        draw_diagnosis(name, diagnosis, path, conditions=probed.ap11, condition_frames=probed.frames)
    _draw_frames(tested, judgements, folder, each=spec.evaluate.pictures)


def _draw_frames(tested: Tested, judgements: dict[str, Judgement], folder: Path, *, each: int) -> None:
    from bevfusion.pictures import draw_scene, judged_scene, rank_frames, sample_frames

    judged = [*judgements.values()]
    frames = rank_frames(judged, frames=len(tested.frames), each=each)
    for kind, chosen in {**frames, "sample": sample_frames(judged, each=each)}.items():
        for place, index in enumerate(chosen, 1):
            frame = tested.frames[index]
            title = f"{kind} {place}: frame {frame.name}"
            scene = judged_scene(frame, tested.points(frame), judgements, index=index, title=title)
            draw_scene(scene, folder / f"{kind}_{place}_{frame.name.replace('/', '_')}.png")


def _points(curve: Curve) -> dict[str, Any]:
    return {
        "score": curve.thresholds.tolist(),
        "recall": curve.recall.tolist(),
        "precision": curve.precision.tolist(),
        "labels": curve.num_labels,
    }


def _write_json(path: Path, document: Any) -> None:
    path.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")
