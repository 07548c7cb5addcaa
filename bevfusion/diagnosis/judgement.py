"""Holds every detection at one score threshold against the labels: right, or wrong in which way.

The kinds follow TIDE (Bolya et al., "TIDE: A General Toolbox for Identifying Object Detection Errors", 2020),
with rotated 3D overlap, and the heading as a kind of its own. All labels of the class count, however hard.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from bevfusion.geometry.rotated_iou import paired_intersection_3d
from bevfusion.metrics.annotations import Array, FrameAnnotations, Indices, Objects, join_frames
from bevfusion.metrics.matching import Curve
from bevfusion.metrics.overlaps import Pairs, covered_shares, overlapping_pairs
from bevfusion.metrics.protocol import ClassRule, Measure

__all__ = ["Judgement", "Verdict", "best_threshold", "judge"]

Verdicts = NDArray[np.str_]

NEAR_OVERLAP = 0.1
"""Overlap in space above which a detection is about a label, however badly."""
_COVERED_SHARE = 0.5
_FALLBACK_THRESHOLD = 0.3
_DONT_CARE = "dontcare"


class Verdict(StrEnum):
    """What becomes of a detection or a label."""

    FOUND = "found"
    """The detection overlaps the label enough."""
    MISSED = "missed"
    """A label that nothing is near to."""
    LOCALISATION = "localisation"
    """Near a label that nothing else found, but not near enough."""
    ORIENTATION = "orientation"
    """It would overlap enough if it had the label's heading."""
    DUPLICATE = "duplicate"
    """Near a label that another detection stands for."""
    BACKGROUND = "background"
    """Near no label of the class."""
    EXCUSED = "excused"
    """On a neighbouring class or a region that the labels leave open: neither right nor wrong."""
    NONE = ""
    """Of another class, or scored below the threshold."""


@dataclass(frozen=True, eq=False)
class Judgement:
    """All labels and detections of all frames in one row, n and m, with their verdicts for one class.

    Attributes:
        rule: the class, and when two boxes match.
        threshold: least score of the detections that are judged.
        labels: of all classes.
        detections: of all classes.
        of_labels: (n,) verdicts; FOUND, MISSED, LOCALISATION, ORIENTATION or NONE.
        of_detections: (m,) verdicts; any but MISSED.
        partner: (m,) the label that a detection is about, -1 for none.
        lookalike: (m,) lower-case name of the label of another class that a BACKGROUND detection lies on.
    """

    rule: ClassRule
    threshold: float
    labels: Objects
    detections: Objects
    of_labels: Verdicts
    of_detections: Verdicts
    partner: Indices
    lookalike: Verdicts

    def count(self, verdict: Verdict) -> int:
        """How many labels were missed, or how many detections got another verdict."""
        verdicts = self.of_labels if verdict is Verdict.MISSED else self.of_detections
        return int(np.count_nonzero(verdicts == verdict))

    def of_frame(self, index: int) -> tuple[Verdicts, Verdicts]:
        """Verdicts of the labels and of the detections of one frame, in the frame's own order."""
        return (
            self.of_labels[_rows(self.labels, index)],
            self.of_detections[_rows(self.detections, index)],
        )


def best_threshold(curve: Curve) -> float:
    """The score at which precision and recall balance best (largest F1); 0.3 where nothing is right."""
    f1 = 2 * curve.precision * curve.recall / np.maximum(curve.precision + curve.recall, 1e-12)
    return float(curve.thresholds[np.argmax(f1)]) if len(f1) and f1.max() > 0 else _FALLBACK_THRESHOLD


def judge(
    truth: Sequence[FrameAnnotations],
    found: Sequence[FrameAnnotations],
    rule: ClassRule,
    *,
    threshold: float,
) -> Judgement:
    """Match the detections of one class with its labels, the best scored first, and name what is left over.

    Args:
        truth: labels of each frame, with all classes and DontCare.
        found: detections of the same frames in the same order.
        rule: the class; boxes match above its strict overlap in space.
        threshold: detections scored lower are not looked at.
    """
    labels, detections = join_frames(truth), join_frames(found)
    scores = detections.values["scores"]
    shown = np.flatnonzero(detections.is_named(rule.labels) & (scores >= threshold))
    solid = np.flatnonzero(labels.names != _DONT_CARE)
    pairs = overlapping_pairs(labels, detections, labels=solid, detections=shown, above=NEAR_OVERLAP)
    near = pairs[Measure.SPACE]
    near = near[np.lexsort((-near.overlap, near.detection, -scores[near.detection]))]
    is_own = labels.is_named(rule.labels)
    own, other = (near[np.flatnonzero(side)] for side in (is_own[near.label], ~is_own[near.label]))
    matching = _Matching.start(is_own, detections=len(detections))
    matching.find(own, min_overlap=rule.min_overlap["strict"][Measure.SPACE])
    matching.name_near_misses(own, _is_turned(own, labels, detections, rule))
    rest = shown[matching.partner[shown] < 0]
    excused = _is_excused(labels, detections, other, rule, rest=rest)
    matching.of_detections[rest] = np.where(excused[rest], Verdict.EXCUSED, Verdict.BACKGROUND)
    return Judgement(
        rule=rule,
        threshold=threshold,
        labels=labels,
        detections=detections,
        of_labels=matching.of_labels,
        of_detections=matching.of_detections,
        partner=matching.partner,
        lookalike=_lookalikes(labels, other, matching.of_detections),
    )


@dataclass(eq=False)
class _Matching:
    """Verdicts while they are being reached; pairs come best score first, then largest overlap."""

    of_labels: Verdicts
    of_detections: Verdicts
    partner: Indices

    @classmethod
    def start(cls, is_own: NDArray[np.bool_], *, detections: int) -> _Matching:
        """Nothing is found yet of the labels (n,) of the class."""
        kind = f"<U{max(map(len, Verdict))}"
        return cls(
            np.where(is_own, Verdict.MISSED, Verdict.NONE).astype(kind),
            np.full(detections, Verdict.NONE, dtype=kind),
            np.full(detections, -1, dtype=np.intp),
        )

    def find(self, own: Pairs, *, min_overlap: float) -> None:
        """Let each detection take the label that it overlaps most among those that are left."""
        for label, detection in _rows_of(own[np.flatnonzero(own.overlap > min_overlap)]):
            if self.of_labels[label] == Verdict.MISSED and self.partner[detection] < 0:
                self._set(label, detection, Verdict.FOUND)

    def name_near_misses(self, own: Pairs, is_turned: NDArray[np.bool_]) -> None:
        """Give what is left a label that nothing stands for; near others alone, it is a duplicate."""
        for (label, detection), turned in zip(_rows_of(own), is_turned, strict=True):
            if self.of_labels[label] == Verdict.MISSED and self.partner[detection] < 0:
                self._set(label, detection, Verdict.ORIENTATION if turned else Verdict.LOCALISATION)
        for label, detection in _rows_of(own):
            if self.partner[detection] < 0:
                self.partner[detection] = label
                self.of_detections[detection] = Verdict.DUPLICATE

    def _set(self, label: int, detection: int, verdict: Verdict) -> None:
        self.of_labels[label] = self.of_detections[detection] = verdict
        self.partner[detection] = label


def _rows_of(pairs: Pairs) -> Iterator[tuple[int, int]]:
    return zip(pairs.label.tolist(), pairs.detection.tolist(), strict=True)


def _rows(objects: Objects, frame: int) -> slice:
    low, high = np.searchsorted(objects.frame, [frame, frame + 1])
    return slice(int(low), int(high))


def _is_turned(own: Pairs, labels: Objects, detections: Objects, rule: ClassRule) -> NDArray[np.bool_]:
    """Which pairs would match if the detection had the label's heading."""
    a, b = labels.boxes_3d[own.label], detections.boxes_3d[own.detection].copy()
    b[:, 6] = a[:, 6]
    common = paired_intersection_3d(a, b)
    union: Array = a[:, 3:6].prod(axis=1) + b[:, 3:6].prod(axis=1) - common
    turned: NDArray[np.bool_] = common > rule.min_overlap["strict"][Measure.SPACE] * union
    return turned


def _is_excused(
    labels: Objects, detections: Objects, other: Pairs, rule: ClassRule, *, rest: Indices
) -> NDArray[np.bool_]:
    """Which detections lie on a neighbouring class, or for the most part in a DontCare region."""
    regions = np.flatnonzero(labels.names == _DONT_CARE)
    covered = covered_shares(labels, detections, regions=regions, detections=rest)[Measure.IMAGE]
    excused: NDArray[np.bool_] = covered > _COVERED_SHARE
    excused[other.detection[labels.is_named(rule.neighbours)[other.label]]] = True
    return excused


def _lookalikes(labels: Objects, other: Pairs, of_detections: Verdicts) -> Verdicts:
    """Names of the labels of other classes that detections of the background overlap most."""
    names = np.full(len(of_detections), "", dtype=labels.names.dtype)
    detection, first = np.unique(other.detection, return_index=True)
    names[detection] = labels.names[other.label[first]]
    return np.where(of_detections == Verdict.BACKGROUND, names, "")
