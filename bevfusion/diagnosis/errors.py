"""What each kind of error costs: the figure that the detector would reach if it did not make it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from bevfusion.diagnosis.judgement import Judgement, Verdict
from bevfusion.metrics import FrameAnnotations, curves
from bevfusion.metrics.annotations import Indices
from bevfusion.metrics.protocol import headline_curve

__all__ = ["ERRORS", "ap11_if_mended", "mend"]

ERRORS = (
    Verdict.MISSED,
    Verdict.LOCALISATION,
    Verdict.ORIENTATION,
    Verdict.DUPLICATE,
    Verdict.BACKGROUND,
)
_PLACE = ("boxes_2d", "dimensions_lhw", "locations", "rotation_y", "alpha")


def ap11_if_mended(
    truth: Sequence[FrameAnnotations], found: Sequence[FrameAnnotations], judgement: Judgement
) -> dict[Verdict, float]:
    """AP11 (percent; 3D, moderate, strict) of the class with all errors of one kind mended, for each kind.

    Args:
        truth: labels of each frame.
        found: detections of the same frames.
        judgement: of the same labels and detections.
    """
    name = judgement.rule.name
    figures = {}
    for kind in ERRORS:
        mended = mend(truth, found, judgement, kind) if judgement.count(kind) else found
        curve = curves(truth, mended, classes=[name])[headline_curve(name)]
        figures[kind] = curve.ap11
    return figures


def mend(
    truth: Sequence[FrameAnnotations],
    found: Sequence[FrameAnnotations],
    judgement: Judgement,
    kind: Verdict,
) -> list[FrameAnnotations]:
    """The detections as they would be without one kind of error, in all frames.

    Duplicates and detections of the background go, those in the wrong place or direction take their label's,
    and a missed label gets a detection that is scored as low as any that is judged.
    """
    first_label, first_detection = (
        np.searchsorted(objects.frame, np.arange(len(truth)))
        for objects in (judgement.labels, judgement.detections)
    )
    mended = []
    for index, (labels, detections) in enumerate(zip(truth, found, strict=True)):
        of_labels, of_detections = judgement.of_frame(index)
        wrong = np.flatnonzero(of_detections == kind)
        if kind is Verdict.MISSED:
            added = _at(labels, np.flatnonzero(of_labels == kind), score=judgement.threshold)
            mended.append(_join(detections, added))
        elif kind in (Verdict.DUPLICATE, Verdict.BACKGROUND):
            mended.append(_at(detections, np.flatnonzero(of_detections != kind)))
        else:
            partner = judgement.partner[first_detection[index] + wrong] - first_label[index]
            mended.append(_moved(detections, wrong, labels, partner))
    return mended


def _at(frame: FrameAnnotations, rows: Indices, *, score: float | None = None) -> FrameAnnotations:
    values = {item.name: getattr(frame, item.name)[rows] for item in fields(frame)}
    if score is not None:
        values["scores"] = np.full(len(rows), score)
    return FrameAnnotations(**values)


def _join(a: FrameAnnotations, b: FrameAnnotations) -> FrameAnnotations:
    values: dict[str, Any] = {
        item.name: np.concatenate([getattr(a, item.name), getattr(b, item.name)]) for item in fields(a)
    }
    return FrameAnnotations(**values)


def _moved(
    detections: FrameAnnotations, rows: Indices, labels: FrameAnnotations, partner: Indices
) -> FrameAnnotations:
    changed = {}
    for name in _PLACE:
        changed[name] = getattr(detections, name).copy()
        changed[name][rows] = getattr(labels, name)[partner]
    return replace(detections, **changed)
