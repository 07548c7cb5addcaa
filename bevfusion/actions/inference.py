"""Writes the detections of a checkpoint, and pictures of them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bevfusion.spec import ExperimentSpec

if TYPE_CHECKING:
    from bevfusion.actions.testing import Delivery, Tested

__all__ = ["run"]


def run(spec: ExperimentSpec) -> None:
    """Detect in every frame of ``dataset.test_dataset`` with ``inference.checkpoint``.

    Without an info file ``dataset.root_dir`` is a folder of frames, see :mod:`bevfusion.data.frames_folder`.
    Writes the detections, see :func:`bevfusion.actions.predictions.write_detections`; scores under
    ``inference.conf_threshold`` are left out. With ``inference.show`` also ``pictures/<frame>.png``.

    Raises:
        SpecError: no checkpoint is named, or the folder cannot be read as it is.
        CheckpointError: it is missing, unsafe, or of another model.
        DataError: the part of the data set, or a file of the folder, cannot be read.
    """
    from bevfusion.actions.testing import run_test
    from bevfusion.data.frames_folder import convert_folder, is_frames_folder

    if is_frames_folder(spec):
        spec = convert_folder(spec)
    run_test(spec, "inference", partial(_deliver, spec))


def _deliver(spec: ExperimentSpec, tested: Tested) -> Delivery:
    from bevfusion.actions.predictions import write_detections
    from bevfusion.actions.testing import Delivery

    results_dir, least = Path(spec.results_dir), spec.inference.conf_threshold
    sure = replace(tested, frames=tuple(frame.scored_at_least(least) for frame in tested.frames))
    write_detections(results_dir, sure.frames)
    if spec.inference.show:
        _draw_frames(sure, results_dir / "pictures", at_most=spec.inference.pictures)
    kept = _count(sure)
    below = _count(tested) - kept
    message = f"{kept} detections; {below} scored under inference.conf_threshold {least:g} are left out"
    if below > kept:
        message += ". The action evaluate names the score at which precision and recall balance"
    figures = {"frames": len(sure.frames), "detections": kept, "below_threshold": below}
    return Delivery(figures, message)


def _count(tested: Tested) -> int:
    return sum(len(frame.detections) for frame in tested.frames)


def _draw_frames(tested: Tested, folder: Path, *, at_most: int) -> None:
    from bevfusion.pictures import draw_scene, unlabelled_scene

    folder.mkdir(exist_ok=True)
    last = len(tested.frames) - 1
    for index in np.unique(np.linspace(0, last, at_most).astype(int)):
        frame = tested.frames[index]
        title = f"frame {frame.name}: {len(frame.detections)} detections"
        scene = unlabelled_scene(frame, tested.points(frame), title=title)
        draw_scene(scene, folder / f"{frame.name.replace('/', '_')}.png")
