"""Which frames are worth a look, and what is to be seen in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bevfusion.data.loading import load_image
from bevfusion.diagnosis.frames import FrameResult
from bevfusion.diagnosis.judgement import Judgement, Verdict
from bevfusion.pictures.scene import Scene

__all__ = ["judged_scene", "rank_frames", "sample_frames", "unlabelled_scene"]

_KIND_OF_LABEL = {
    Verdict.FOUND: "label",
    Verdict.MISSED: "missed label",
    Verdict.LOCALISATION: "missed label",
    Verdict.ORIENTATION: "missed label",
}
_KIND_OF_DETECTION = {
    Verdict.FOUND: "detection",
    Verdict.LOCALISATION: "wrong detection",
    Verdict.ORIENTATION: "wrong detection",
    Verdict.DUPLICATE: "wrong detection",
    Verdict.BACKGROUND: "wrong detection",
    Verdict.EXCUSED: "ignored detection",
}


def rank_frames(judgements: Sequence[Judgement], *, frames: int, each: int) -> dict[str, list[int]]:
    """Choose the best, the worst and the median frames by F1 at the judged threshold.

    Of equally good frames the fuller one is better or, where most is wrong, worse. Frames in which nothing is
    labelled or detected tell nothing and are left out.

    Args:
        judgements: one a class.
        frames: how many there are.
        each: how many to choose of each kind; fewer where there are not enough, and no frame twice.

    Returns:
        Indices of frames under ``best``, ``worst`` and ``median``, the extreme ones first.
    """
    right, wrong = np.zeros(frames), np.zeros(frames)
    for judgement in judgements:
        for verdicts, of_frame in (
            (judgement.of_labels, judgement.labels.frame),
            (judgement.of_detections, judgement.detections.frame),
        ):
            is_right = verdicts == Verdict.FOUND
            is_wrong = ~np.isin(verdicts, (Verdict.FOUND, Verdict.EXCUSED, Verdict.NONE))
            right += np.bincount(of_frame[is_right], minlength=frames)
            wrong += np.bincount(of_frame[is_wrong], minlength=frames)
    shown = np.flatnonzero(right + wrong)
    f1 = right[shown] / (right[shown] + wrong[shown])
    order = shown[np.lexsort(((wrong - right)[shown], -f1))].tolist()
    best = order[:each]
    worst = [index for index in order[::-1][:each] if index not in best]
    middle = sorted(range(len(order)), key=lambda place: abs(place - (len(order) - 1) / 2))
    between = [order[place] for place in middle if order[place] not in (*best, *worst)]
    return {"best": best, "worst": worst, "median": between[:each]}


def sample_frames(judgements: Sequence[Judgement], *, each: int) -> list[int]:
    """Frames that are the same for every model, so that two of them can be compared picture by picture.

    Args:
        judgements: one a class; only their labels count.
        each: how many, evenly spread over those in which anything is labelled.
    """
    labelled = np.unique(np.concatenate([judgement.labels.frame for judgement in judgements]))
    places = (np.arange(each) + 0.5) * len(labelled) / max(each, 1)
    return sorted({int(labelled[int(place)]) for place in places}) if len(labelled) else []


def judged_scene(
    frame: FrameResult,
    points: NDArray[np.float32],
    judgements: Mapping[str, Judgement],
    *,
    index: int,
    title: str,
) -> Scene:
    """What a frame shows of right and wrong detections.

    Args:
        frame: the frame.
        points: (n, 3+) its points, LiDAR frame.
        judgements: by class, of all frames.
        index: which of these frames it is.
        title: a line above the picture.
    """
    boxes: dict[str, list[NDArray[np.float64]]] = {}
    scores: dict[str, list[NDArray[np.float64]]] = {}
    for judgement in judgements.values():
        of_labels, of_detections = judgement.of_frame(index)
        for verdict, kind in _KIND_OF_LABEL.items():
            boxes.setdefault(kind, []).append(frame.truth.boxes_camera[of_labels == verdict])
        for verdict, kind in _KIND_OF_DETECTION.items():
            chosen = of_detections == verdict
            boxes.setdefault(kind, []).append(frame.detections.boxes_camera[chosen])
            scores.setdefault(kind, []).append(frame.detections.scores[chosen])
    return _scene(
        frame,
        points,
        title=title,
        boxes={kind: np.concatenate(parts) for kind, parts in boxes.items()},
        scores={kind: np.concatenate(parts) for kind, parts in scores.items()},
    )


def unlabelled_scene(frame: FrameResult, points: NDArray[np.float32], *, title: str) -> Scene:
    """What was detected in a frame, whether right or wrong.

    Args:
        frame: the frame.
        points: (n, 3+) its points, LiDAR frame.
        title: a line above the picture.
    """
    found = frame.detections
    boxes, scores = {"detection": found.boxes_camera}, {"detection": found.scores}
    return _scene(frame, points, title=title, boxes=boxes, scores=scores)


def _scene(
    frame: FrameResult,
    points: NDArray[np.float32],
    *,
    title: str,
    boxes: Mapping[str, NDArray[np.float64]],
    scores: Mapping[str, NDArray[np.float64]],
) -> Scene:
    return Scene(
        title=title,
        image=load_image(frame.image_path) if frame.image_path.is_file() else None,
        points=points,
        cam2img=frame.cam2img,
        lidar2cam=frame.lidar2cam,
        boxes=boxes,
        scores=scores,
    )
