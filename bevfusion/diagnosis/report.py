"""The diagnosis of one class: everything that labels and detections alone can tell."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bevfusion.diagnosis.errors import ERRORS, ap11_if_mended
from bevfusion.diagnosis.judgement import Judgement, Verdict, best_threshold, judge
from bevfusion.diagnosis.recall import (
    FitOfFound,
    RecallBin,
    measure_fit,
    recall_by_distance,
    recall_by_occlusion,
)
from bevfusion.metrics import Curve, FrameAnnotations
from bevfusion.metrics.protocol import headline_curve, protocol_named

__all__ = ["ClassDiagnosis", "diagnose", "judge_classes", "tell_balance"]

_UNLABELLED = "nothing labelled"


@dataclass(frozen=True)
class ClassDiagnosis:
    """How one class is detected, at the score where precision and recall balance best; figures in percent.

    Attributes:
        ap11: 3D, moderate, strict: the headline where the class is ``person``.
        score_threshold: least score that is looked at here.
        precision: share of right ones among the detections.
        recall: share of found ones among all labels of the class, however hard.
        found: labels that were found.
        errors: how often each kind of error was made.
        ap11_if_mended: what ``ap11`` would be without the errors of a kind.
        background_on: what detections of the background lie on.
        recall_by_distance: rings around the camera.
        recall_by_occlusion: KITTI's levels.
        fit: how well found objects fit; None if none was found.
    """

    ap11: float
    score_threshold: float
    precision: float
    recall: float
    found: int
    errors: dict[str, int]
    ap11_if_mended: dict[str, float]
    background_on: dict[str, int]
    recall_by_distance: tuple[RecallBin, ...]
    recall_by_occlusion: tuple[RecallBin, ...]
    fit: FitOfFound | None


def judge_classes(
    truth: Sequence[FrameAnnotations],
    found: Sequence[FrameAnnotations],
    classes: Sequence[str],
    *,
    traced: Mapping[str, Curve],
) -> dict[str, Judgement]:
    """Judge every class at its own best threshold.

    Args:
        truth: labels of each frame.
        found: detections of the same frames.
        classes: what to judge.
        traced: the curves of the same frames, see :func:`bevfusion.metrics.curves`.
    """
    return {
        rule.name: judge(truth, found, rule, threshold=best_threshold(traced[headline_curve(rule.name)]))
        for rule in protocol_named("tao3d").rules(classes)
    }


def tell_balance(traced: Mapping[str, Curve], classes: Sequence[str]) -> str:
    """Say at which score precision and recall balance, a class after the other.

    Args:
        traced: curves, see :func:`bevfusion.metrics.curves`.
        classes: what to tell of.
    """
    scores = [
        f"{best_threshold(curve):.2f} ({name})"
        for name in classes
        if (curve := traced[headline_curve(name)]).precision.any()
    ]
    if not scores:
        return "no detection lies on a label"
    return f"precision and recall balance at score {', '.join(scores)}"


def diagnose(
    truth: Sequence[FrameAnnotations],
    found: Sequence[FrameAnnotations],
    judgements: Mapping[str, Judgement],
    *,
    traced: Mapping[str, Curve],
) -> dict[str, ClassDiagnosis]:
    """Say for each class which labels are missed, which errors are made, and what they cost.

    Args:
        truth: labels of each frame.
        found: detections of the same frames.
        judgements: of the same frames, by class.
        traced: the curves of the same frames.
    """
    return {
        name: _diagnose(judgement, traced[headline_curve(name)].ap11, ap11_if_mended(truth, found, judgement))
        for name, judgement in judgements.items()
    }


def _diagnose(judgement: Judgement, ap11: float, mended: Mapping[Verdict, float]) -> ClassDiagnosis:
    right = judgement.count(Verdict.FOUND)
    wrong = sum(judgement.count(kind) for kind in ERRORS if kind is not Verdict.MISSED)
    labels = int((judgement.of_labels != Verdict.NONE).sum())
    on = Counter(judgement.lookalike[judgement.of_detections == Verdict.BACKGROUND].tolist())
    return ClassDiagnosis(
        ap11=ap11,
        score_threshold=judgement.threshold,
        precision=100.0 * right / max(right + wrong, 1),
        recall=100.0 * right / max(labels, 1),
        found=right,
        errors={kind.value: judgement.count(kind) for kind in ERRORS},
        ap11_if_mended={kind.value: figure for kind, figure in mended.items()},
        background_on={name or _UNLABELLED: count for name, count in on.most_common()},
        recall_by_distance=recall_by_distance(judgement),
        recall_by_occlusion=recall_by_occlusion(judgement),
        fit=measure_fit(judgement),
    )
