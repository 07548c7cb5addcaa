"""Average precision by KITTI's rule, from arrays, on the CPU."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np

from bevfusion.errors import DataError
from bevfusion.metrics.annotations import FrameAnnotations, Objects, join_frames
from bevfusion.metrics.matching import COUNTED, IGNORED, UNRELATED, Curve, Flags, Setting, trace_curve
from bevfusion.metrics.overlaps import Pairs, covered_shares, overlapping_pairs
from bevfusion.metrics.protocol import (
    DIFFICULTIES,
    HEADLINE,
    STRICTNESS,
    ClassRule,
    Difficulty,
    Measure,
    protocol_named,
)

__all__ = ["curves", "evaluate", "summarise"]

_logger = logging.getLogger(__name__)
_REGION = frozenset({"dontcare"})


def evaluate(
    gt: Sequence[FrameAnnotations],
    dt: Sequence[FrameAnnotations],
    *,
    classes: Sequence[str] | None = None,
    protocol: str = "tao3d",
) -> dict[str, float]:
    """Score detections in percent; warns of a class with too few labels for the rule to reach 100.

    Args:
        gt: labels of each frame, with neighbouring classes and DontCare regions where there are any.
        dt: detections of the same frames in the same order.
        classes: what to judge; the protocol's own classes by default. A class without labels scores 0.
        protocol: ``tao3d`` or ``kitti``, see :func:`bevfusion.metrics.protocol.protocol_named`.

    Returns:
        ``<prefix>/<class>_<3D|BEV|2D>_<AP11|AP40>_<easy|moderate|hard>_<strict|loose>``, with KITTI also
        ``AOS``; for several classes their mean as class ``Overall``, whose strict values also stand under
        TAO's shorter name without the last part. With tao3d also ``AP11``, the headline: the value of
        ``person``, or the mean over the classes if ``person`` is not judged.

    Raises:
        DataError: labels and detections are not of equally many frames.
        SpecError: an unknown protocol or class.
    """
    return summarise(curves(gt, dt, classes=classes, protocol=protocol), protocol=protocol)


def summarise(traced: Mapping[str, Curve], *, protocol: str = "tao3d") -> dict[str, float]:
    """Read the figures of :func:`evaluate` off curves that are wanted for themselves as well.

    Args:
        traced: what :func:`curves` returns.
        protocol: the one that they were traced by.
    """
    scores: dict[str, float] = {}
    has_orientation = protocol_named(protocol).has_orientation
    for key, curve in traced.items():
        subject, measure, rest = _split(key)
        scores[f"{subject}_{measure}_AP11_{rest}"] = curve.ap11
        scores[f"{subject}_{measure}_AP40_{rest}"] = curve.ap40
        if measure == Measure.IMAGE and has_orientation:
            scores[f"{subject}_AOS_AP11_{rest}"] = curve.aos11
            scores[f"{subject}_AOS_AP40_{rest}"] = curve.aos40
        if key.endswith("_3D_moderate_strict") and curve.ap11_ceiling < 100.0:
            _logger.warning(
                "%s: %d labels count at moderate difficulty, so AP11 ends at %.1f (41 labels reach 100)",
                *(subject, curve.num_labels, curve.ap11_ceiling),
            )
    return scores | _overall(scores) | _headline(scores)


def curves(
    gt: Sequence[FrameAnnotations],
    dt: Sequence[FrameAnnotations],
    *,
    classes: Sequence[str] | None = None,
    protocol: str = "tao3d",
) -> dict[str, Curve]:
    """Trace precision over recall, for plots and for choosing a score threshold.

    Args:
        gt: labels of each frame.
        dt: detections of the same frames in the same order.
        classes: what to judge; the protocol's own classes by default.
        protocol: ``tao3d`` or ``kitti``.

    Returns:
        A curve per ``<prefix>/<class>_<3D|BEV|2D>_<easy|moderate|hard>_<strict|loose>``.

    Raises:
        DataError: labels and detections are not of equally many frames.
        SpecError: an unknown protocol or class.
    """
    if len(gt) != len(dt):
        raise DataError(
            f"labels of {len(gt)} frames but detections of {len(dt)}", hint="pass both for every frame"
        )
    rules = protocol_named(protocol).rules(classes)
    scene = _Scene(join_frames(gt), join_frames(dt), rules)
    return {
        f"{protocol_named(protocol).prefix}/{rule.name}_{measure}_{difficulty.name}_{strictness}": curve
        for rule in rules
        for difficulty in DIFFICULTIES
        for measure in Measure
        for strictness, curve in scene.trace(rule, difficulty, measure).items()
    }


class _Scene:
    """All frames with what overlaps in them, computed once for every class, difficulty and threshold."""

    def __init__(self, gt: Objects, dt: Objects, rules: Sequence[ClassRule]) -> None:
        self.gt, self.dt = gt, dt
        self.scores = np.nan_to_num(dt.values["scores"], nan=-np.inf, posinf=np.inf, neginf=-np.inf)
        own = dt.is_named(frozenset[str]().union(*[rule.labels for rule in rules]))
        small = np.abs(dt.heights_px) < max(difficulty.min_height_px for difficulty in DIFFICULTIES)
        wanted = frozenset[str]().union(*[rule.labels | rule.neighbours for rule in rules])
        self.pairs = overlapping_pairs(
            gt,
            dt,
            labels=np.flatnonzero(gt.is_named(wanted)),
            detections=np.flatnonzero(own | small),
            above=min(min(level.values()) for rule in rules for level in rule.min_overlap.values()),
        )
        self.excused = covered_shares(
            gt, dt, regions=np.flatnonzero(gt.is_named(_REGION)), detections=np.flatnonzero(own)
        )

    def trace(self, rule: ClassRule, difficulty: Difficulty, measure: Measure) -> dict[str, Curve]:
        """Trace the curves of one class, one per strictness; equal thresholds are traced once."""
        label_flags = _label_flags(self.gt, rule, difficulty)
        detection_flags = _detection_flags(self.dt, rule, difficulty)
        traced: dict[float, Curve] = {}
        for overlap in {rule.min_overlap[strictness][measure] for strictness in STRICTNESS}:
            pairs: Pairs = self.pairs[measure]
            traced[overlap] = trace_curve(
                Setting(
                    pairs=pairs[np.flatnonzero(pairs.overlap > overlap)],
                    frames=self.gt.frame,
                    label_flags=label_flags,
                    detection_flags=detection_flags,
                    scores=self.scores,
                    is_excused=self.excused[measure] > overlap,
                    label_alpha=self.gt.values["alpha"],
                    detection_alpha=self.dt.values["alpha"],
                )
            )
        return {strictness: traced[rule.min_overlap[strictness][measure]] for strictness in STRICTNESS}


def _label_flags(gt: Objects, rule: ClassRule, difficulty: Difficulty) -> Flags:
    """A label counts if it is of the class and not too hard; harder ones and neighbours are ignored."""
    own = gt.is_named(rule.labels)
    hard = (
        (gt.values["occluded"] > difficulty.max_occlusion)
        | (gt.values["truncated"] > difficulty.max_truncation)
        | (gt.heights_px <= difficulty.min_height_px)
    )
    flags = np.where(own | gt.is_named(rule.neighbours), IGNORED, UNRELATED)
    return np.where(own & ~hard, COUNTED, flags).astype(np.int8)


def _detection_flags(dt: Objects, rule: ClassRule, difficulty: Difficulty) -> Flags:
    """A detection that is too small is ignored whatever its class, as in the development kit."""
    flags = np.where(dt.is_named(rule.labels), COUNTED, UNRELATED)
    return np.where(np.abs(dt.heights_px) < difficulty.min_height_px, IGNORED, flags).astype(np.int8)


def _split(key: str) -> tuple[str, str, str]:
    """Take ``TAO3D/person_3D_easy_strict`` apart: subject, measure, difficulty with strictness."""
    subject, measure, difficulty, strictness = key.rsplit("_", 3)
    return subject, measure, f"{difficulty}_{strictness}"


def _overall(scores: dict[str, float]) -> dict[str, float]:
    """Average over classes, where there are several."""
    groups: dict[str, list[float]] = {}
    for key, value in scores.items():
        prefix, name = key.split("/", 1)
        groups.setdefault(f"{prefix}/Overall_{'_'.join(name.rsplit('_', 4)[1:])}", []).append(value)
    means = {key: float(np.mean(values)) for key, values in groups.items() if len(values) > 1}
    short = {key.removesuffix("_strict"): value for key, value in means.items() if key.endswith("_strict")}
    return means | short


def _headline(scores: dict[str, float]) -> dict[str, float]:
    """Name the one number that tuning follows."""
    prefix, what = HEADLINE.split("person")
    every = [value for key, value in scores.items() if key.startswith(prefix) and key.endswith(what)]
    return {"AP11": scores.get(HEADLINE, float(np.mean(every)))} if every else {}
