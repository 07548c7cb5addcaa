"""Scores any detector from folders of KITTI text files."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from bevfusion.errors import DataError, Fault
from bevfusion.metrics.annotations import FrameAnnotations
from bevfusion.metrics.average_precision import evaluate
from bevfusion.metrics.labels import read_labels, read_predictions
from bevfusion.metrics.protocol import protocol_named

__all__ = ["score_folders"]

_logger = logging.getLogger(__name__)
_MOST_FAULTS_TOLD = 20
_MOST_NAMES_TOLD = 5


def score_folders(
    gt: Path,
    pred: Path,
    *,
    classes: Sequence[str] | None = None,
    protocol: str = "tao3d",
    frames: Path | None = None,
) -> dict[str, float]:
    """Score one folder of predictions against one of labels, in percent.

    Args:
        gt: ``<frame>.txt`` with 15 columns each; these files say which frames are judged,
            unless ``frames`` does.
        pred: ``<frame>.txt`` with 16 columns each; a frame without a file counts as one without detections,
            which is warned of.
        classes: what to judge; the protocol's own classes by default.
        protocol: ``tao3d`` or ``kitti``.
        frames: names of the frames that are judged, one a line, such as ``ImageSets/test.txt``; others are
            left out of both folders.

    Returns:
        The keys of :func:`bevfusion.metrics.evaluate`.

    Raises:
        DataError: a folder is missing or without labels, a prediction is of a frame without labels, or a file
            is not as it must be.
        SpecError: an unknown protocol or class.
    """
    protocol_named(protocol).rules(classes)
    labelled, predicted = _text_files(gt), _text_files(pred)
    if not labelled:
        raise DataError(
            "holds no label file <frame>.txt", where=str(gt), hint="--gt is a folder such as label_2"
        )
    if frames is not None:
        labelled, predicted = _of_list(labelled, predicted, frames)
    _refuse_unknown(sorted(predicted.keys() - labelled.keys()), gt, pred)
    silent = sorted(labelled.keys() - predicted.keys())
    if silent:
        _logger.warning(
            "%d of %d frames have no prediction file in %s and count as frames without detections (%s); "
            "--frames ImageSets/test.txt judges the frames of a list alone",
            *(len(silent), len(labelled), pred, _some(silent)),
        )
    truth = _read_all(list(labelled.values()), read_labels)
    found = _read_all([path for frame, path in predicted.items() if frame in labelled], read_predictions)
    detections = [found.get(frame, FrameAnnotations.empty()) for frame in truth]
    return evaluate(list(truth.values()), detections, classes=classes, protocol=protocol)


def _text_files(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise DataError("is not a folder", where=str(folder), hint="give a folder of KITTI text files")
    return {path.stem: path for path in sorted(folder.glob("*.txt"))}


def _of_list(
    labelled: dict[str, Path], predicted: dict[str, Path], frames: Path
) -> tuple[dict[str, Path], dict[str, Path]]:
    """Both folders without the frames that a list does not name."""
    try:
        names = frames.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"cannot be read: {error}",
            where=str(frames),
            hint="--frames is a list such as ImageSets/test.txt",
        ) from error
    lost = [name for name in names if name not in labelled]
    if lost or not names:
        raise DataError(
            f"{len(lost)} of its {len(names)} frames have no label file: {_some(lost)}"
            if lost
            else "names no frame",
            where=str(frames),
            hint="take the list of the same data set as --gt",
        )
    found = {name: predicted[name] for name in names if name in predicted}
    return {name: labelled[name] for name in names}, found


def _refuse_unknown(frames: list[str], gt: Path, pred: Path) -> None:
    if frames:
        raise DataError(
            f"{len(frames)} prediction files are of frames that {gt} does not label: {_some(frames)}",
            where=str(pred),
            hint="score against the labels of the same split, or remove these files",
        )


def _read_all(paths: Sequence[Path], read: Callable[[Path], FrameAnnotations]) -> dict[str, FrameAnnotations]:
    """Read every file before complaining, so that a user mends them in one go."""
    frames, faults = {}, list[Fault]()
    for path in paths:
        try:
            frames[path.stem] = read(path)
        except DataError as error:
            faults += error.faults
    if faults:
        more = len(faults) - _MOST_FAULTS_TOLD
        rest = [Fault(f"{more} more faults of this kind", str(paths[0].parent))] if more > 0 else []
        raise DataError(faults[:_MOST_FAULTS_TOLD] + rest)
    return frames


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST_NAMES_TOLD]) + (", ..." if len(names) > _MOST_NAMES_TOLD else "")
