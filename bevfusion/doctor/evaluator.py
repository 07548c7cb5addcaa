"""Whether a score can be trusted: the evaluator against truths that need no detector."""

from __future__ import annotations

from collections.abc import Sequence

from bevfusion.data.infos import Infos
from bevfusion.doctor.check import Check, CheckStatus, WrongResultError, attempt
from bevfusion.metrics import FrameAnnotations, curves, evaluator_self_test
from bevfusion.metrics.protocol import headline_curve

__all__ = ["check_evaluator", "check_labels"]

_ROUNDING = 1e-6


def check_evaluator() -> Check:
    """Rotated boxes against themselves score 100, against those of other frames nothing."""
    return attempt("evaluator", _test_evaluator, remedy="reinstall numpy; until then no score can be trusted")


def _test_evaluator() -> str:
    found = evaluator_self_test()
    told = (
        f"ground truth against itself {found['perfect']:.1f}, against other frames {found['shuffled']:.1f}, "
        f"rotated overlap off by {found['octagon_error']:.0e}"
    )
    if not found["passed"]:
        raise WrongResultError(told)
    return told


def check_labels(infos: Infos, classes: Sequence[str]) -> Check:
    """What a perfect detector would score on the labels of a part of the data set."""
    name = f"{infos.split} labels"
    truth = [FrameAnnotations.from_info(frame.annotations) for frame in infos.frames if frame.annotations]
    traced = curves(truth, truth, classes=classes)
    found, status, remedies = [], CheckStatus.OK, []
    for subject in classes:
        curve = traced[headline_curve(subject)]
        found.append(f"{subject}: AP11 {curve.ap11:.1f} against themselves, {curve.num_labels} labels count")
        if curve.ap11 < curve.ap11_ceiling - _ROUNDING:
            status = CheckStatus.FAILED
            remedies.append(f"labels of {subject} contradict each other: look for boxes that are there twice")
        elif curve.ap11 < 100.0:
            status = max(status, CheckStatus.WARNING, key=[*CheckStatus].index)
            remedies.append(f"no detector can score more: AP11 needs 41 labels of {subject}")
    return Check(name, status, "; ".join(found), "; ".join(remedies))
