"""KITTI's matching of detections to labels, and the precision that follows at each recall.

The rule is greedy: labels choose in the order of their frame, each the best detection that is left. Frames do
not touch one another and neither do score thresholds, so the k-th label of *every* frame chooses at *every*
threshold in one step of array operations; the loop runs over k alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bevfusion.metrics.annotations import Array, Indices
from bevfusion.metrics.overlaps import Pairs

__all__ = ["COUNTED", "IGNORED", "SAMPLES", "UNRELATED", "Curve", "Setting", "trace_curve"]

Flags = NDArray[np.int8]

COUNTED, IGNORED, UNRELATED = 0, 1, -1
SAMPLES = 41
_LOWEST_SCORE = -1e7  # as in the development kit: a detection below it matches nothing


@dataclass(frozen=True, eq=False)
class Curve:
    """How precision falls as recall rises: a point per score threshold, ``t`` of at most 41, best first.

    The thresholds are those at which recall passes the next fortieth of all labels. Where the labels are
    fewer than 41, so are the points, and the average precision of a perfect detector stays below 100.

    Attributes:
        thresholds: (t,) scores.
        recall: (t,) share of the labels found by detections of at least that score.
        precision: (t,) share of those detections that are right.
        similarity: (t,) as precision, each right one weighed by (1 + cos of its orientation error) / 2.
        num_labels: labels that count.
    """

    thresholds: Array
    recall: Array
    precision: Array
    similarity: Array
    num_labels: int

    @property
    def ap11(self) -> float:
        """Average precision in percent at recall 0, 0.1, ..., 1 (KITTI until 2019, Pascal VOC 2007)."""
        return _mean_percent(self.precision, slice(0, SAMPLES, 4))

    @property
    def ap11_ceiling(self) -> float:
        """What ``ap11`` would be if every label were found and nothing else."""
        return _mean_percent(np.ones(min(self.num_labels, SAMPLES)), slice(0, SAMPLES, 4))

    @property
    def ap40(self) -> float:
        """Average precision in percent at recall 1/40, 2/40, ..., 1 (KITTI since 2019)."""
        return _mean_percent(self.precision, slice(1, SAMPLES))

    @property
    def aos11(self) -> float:
        """Average orientation similarity in percent over the 11 points of ``ap11``."""
        return _mean_percent(self.similarity, slice(0, SAMPLES, 4))

    @property
    def aos40(self) -> float:
        """Average orientation similarity in percent over the 40 points of ``ap40``."""
        return _mean_percent(self.similarity, slice(1, SAMPLES))


@dataclass(frozen=True, eq=False)
class Setting:
    """One class at one difficulty, measure and overlap: what is to be matched; n labels, m detections.

    Attributes:
        pairs: pairs of labels and detections that overlap enough.
        frames: (n,) frame of each label.
        label_flags: (n,) COUNTED, IGNORED (found or not, it does not matter) or UNRELATED.
        detection_flags: (m,) COUNTED, IGNORED or UNRELATED.
        scores: (m,) confidences.
        is_excused: (m,) whether a detection that finds no label is no fault, as labels leave its place open.
        label_alpha: (n,) observation angles, radians.
        detection_alpha: (m,) observation angles, radians.
    """

    pairs: Pairs
    frames: Indices
    label_flags: Flags
    detection_flags: Flags
    scores: Array
    is_excused: NDArray[np.bool_]
    label_alpha: Array
    detection_alpha: Array


def trace_curve(setting: Setting) -> Curve:
    """Apply KITTI's two passes: choose thresholds by recall, then count right and wrong ones at each."""
    num_labels = int(np.count_nonzero(setting.label_flags == COUNTED))
    thresholds = _recall_thresholds(_scores_of_found(setting), num_labels)
    counts = _count(setting, thresholds)
    judged, labels = counts.right + counts.wrong, counts.right + counts.missed
    return Curve(
        thresholds=thresholds,
        recall=_ratio(counts.right, labels),
        precision=_ratio(counts.right, judged),
        similarity=_ratio(counts.similarity, judged),
        num_labels=num_labels,
    )


@dataclass(frozen=True, eq=False)
class _Counts:
    right: Array
    wrong: Array
    missed: Array
    similarity: Array


def _scores_of_found(setting: Setting) -> Array:
    """First pass: each label takes the detection of highest score; scores of the finds that count."""
    pairs = _related(setting)
    pairs, turns = _ranked(pairs, setting.frames, -setting.scores[pairs.detection])
    chosen, _ = _choose(pairs, turns, setting.scores, np.array([_LOWEST_SCORE]))
    label, detection = pairs.label[chosen], pairs.detection[chosen]
    is_right = (setting.label_flags[label] == COUNTED) & (setting.detection_flags[detection] == COUNTED)
    found: Array = setting.scores[detection[is_right]]
    return found


def _count(setting: Setting, thresholds: Array) -> _Counts:
    """Second pass: each label takes the detection of largest overlap, an ignored one only if it must."""
    pairs = _related(setting)
    ignored = setting.detection_flags[pairs.detection] == IGNORED
    pairs, turns = _ranked(pairs, setting.frames, np.where(ignored, 0.0, -pairs.overlap))
    chosen, at = _choose(pairs, turns, setting.scores, thresholds)
    label, detection = pairs.label[chosen], pairs.detection[chosen]
    is_label = setting.label_flags[label] == COUNTED
    is_right = is_label & (setting.detection_flags[detection] == COUNTED)
    similarity = _similarity(setting.label_alpha[label], setting.detection_alpha[detection])

    def tally(which: NDArray[np.bool_], weights: Array | None = None) -> Array:
        total = np.bincount(at[which], None if weights is None else weights[which], minlength=len(thresholds))
        return total.astype(np.float64)

    blamable = (setting.detection_flags == COUNTED) & ~setting.is_excused
    shown = np.sort(setting.scores[blamable])
    return _Counts(
        right=tally(is_right),
        wrong=len(shown) - np.searchsorted(shown, thresholds) - tally(blamable[detection]),
        missed=np.count_nonzero(setting.label_flags == COUNTED) - tally(is_label),
        similarity=tally(is_right, similarity),
    )


def _related(setting: Setting) -> Pairs:
    label, detection = setting.pairs.label, setting.pairs.detection
    keep = (setting.label_flags[label] != UNRELATED) & (setting.detection_flags[detection] != UNRELATED)
    return setting.pairs[np.flatnonzero(keep)]


def _ranked(pairs: Pairs, frames: Indices, dislike: Array) -> tuple[Pairs, Indices]:
    """Sort by turn, label, dislike and at last, since sorting is stable, the order of detections.

    Returns:
        The pairs, and for each the turn of its label: 0 for those that choose first in their frame, then 1.
    """
    is_first = np.diff(pairs.label, prepend=-1) != 0
    of_frame = frames[pairs.label[is_first]]
    turn_of_label = np.arange(len(of_frame)) - np.searchsorted(of_frame, of_frame)
    turns = turn_of_label[np.cumsum(is_first) - 1]
    order = np.lexsort((dislike, pairs.label, turns))
    return pairs[order], turns[order]


def _choose(pairs: Pairs, turns: Indices, scores: Array, thresholds: Array) -> tuple[Indices, Indices]:
    """Let labels take the first detection in their list that is left and not below the threshold.

    Returns:
        For every choice its position among the pairs, and its position among the thresholds.
    """
    candidates, detection = np.unique(pairs.detection, return_inverse=True)
    is_free = scores[candidates][:, None] >= thresholds
    choices = [(np.zeros(0, np.intp), np.zeros(0, np.intp))]
    for turn in range(turns[-1] + 1 if len(turns) else 0):
        low, high = np.searchsorted(turns, [turn, turn + 1])
        starts = np.flatnonzero(np.diff(pairs.label[low:high], prepend=-1))
        position = np.where(is_free[detection[low:high]], np.arange(low, high)[:, None], high)
        first = np.minimum.reduceat(position, starts, axis=0)
        label, at = np.nonzero(first < high)
        chosen = first[label, at]
        is_free[detection[chosen], at] = False
        choices.append((chosen, at))
    return np.concatenate([chosen for chosen, _ in choices]), np.concatenate([at for _, at in choices])


def _recall_thresholds(scores: Array, num_labels: int) -> Array:
    """Pick, from the best score down, the score whose recall is nearest to each next fortieth."""
    scores, chosen, wanted = np.sort(scores)[::-1], [], 0.0
    for i, score in enumerate(scores):
        here, is_last = (i + 1) / num_labels, i == len(scores) - 1
        if not is_last and (i + 2) / num_labels - wanted < wanted - here:
            continue
        chosen.append(score)
        wanted += 1 / (SAMPLES - 1.0)
    return np.array(chosen, np.float64)


def _similarity(a: Array, b: Array) -> Array:
    """Compare observation angles, 0..1; an unknown one (-10) resembles nothing."""
    known = (a != -10.0) & (b != -10.0)
    return np.where(known, (1.0 + np.cos(a - b)) / 2.0, 0.0)


def _ratio(part: Array, whole: Array) -> Array:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0.0)


def _mean_percent(values: Array, at: slice) -> float:
    """Take at each sample the best value from there on, 0 where recall does not reach."""
    samples = np.zeros(SAMPLES)
    samples[: len(values)] = np.maximum.accumulate(values[::-1])[::-1]
    return float(samples[at].mean() * 100.0)
