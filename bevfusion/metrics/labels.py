"""KITTI's text files: one object a line, 15 columns in labels, a 16th with the score in predictions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bevfusion.errors import DataError, Fault
from bevfusion.metrics.annotations import Array, FrameAnnotations

__all__ = ["read_labels", "read_predictions", "write_predictions"]

_COLUMNS = (
    *("type", "truncated", "occluded", "alpha", "left", "top", "right", "bottom"),
    *("height", "width", "length", "x", "y", "z", "rotation_y", "score"),
)
_LABEL_COLUMNS = 15
_LHW, _HWL = [2, 0, 1], [1, 2, 0]  # from KITTI's order of dimensions, and back


def read_labels(path: Path) -> FrameAnnotations:
    """Read what is labelled in one frame.

    Args:
        path: a file of ``label_2``; an empty one says that nothing is there.

    Raises:
        DataError: the file cannot be read, or a line has not 15 columns or a column no finite number.
    """
    return _read(path, _LABEL_COLUMNS)


def read_predictions(path: Path) -> FrameAnnotations:
    """Read what any detector found in one frame.

    Args:
        path: a file as for KITTI's server: the columns of a label and the score.

    Raises:
        DataError: the file cannot be read, or a line has not 16 columns or a column no finite number.
    """
    return _read(path, len(_COLUMNS))


def write_predictions(path: Path, frame: FrameAnnotations) -> None:
    """Write detections for KITTI's server or ``bevfusion score``, with the digits that float32 has.

    Args:
        path: the file, replaced if it is there; its folder must exist.
        frame: detections in the camera frame.
    """
    numbers = np.column_stack(
        [
            *(frame.truncated, frame.occluded, frame.alpha, frame.boxes_2d),
            *(frame.dimensions_lhw[:, _HWL], frame.locations, frame.rotation_y, frame.scores),
        ]
    )
    lines = [
        " ".join([name, *(f"{value:.9g}" for value in row)]) + "\n"
        for name, row in zip(frame.names, numbers, strict=True)
    ]
    path.write_text("".join(lines), encoding="utf-8")


def _read(path: Path, columns: int) -> FrameAnnotations:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read: {error}", where=str(path)) from error
    lines = [(number, line.split()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    numbers = _numbers([words for _, words in lines], columns)
    if numbers is None:
        raise DataError(_faults(path, lines, columns))
    return FrameAnnotations(
        names=np.array([words[0] for _, words in lines], dtype=np.str_),
        truncated=numbers[:, 0],
        occluded=numbers[:, 1],
        alpha=numbers[:, 2],
        boxes_2d=numbers[:, 3:7],
        dimensions_lhw=numbers[:, 7:10][:, _LHW],
        locations=numbers[:, 10:13],
        rotation_y=numbers[:, 13],
        scores=numbers[:, 14] if columns > _LABEL_COLUMNS else np.zeros(len(lines)),
    )


def _numbers(rows: list[list[str]], columns: int) -> Array | None:
    """Convert all but the first column at once; None if a row is not right."""
    if any(len(row) != columns for row in rows):
        return None
    try:
        numbers = np.array([row[1:] for row in rows], dtype=np.float64).reshape(len(rows), columns - 1)
    except ValueError:
        return None
    return numbers if np.isfinite(numbers).all() else None


def _faults(path: Path, lines: list[tuple[int, list[str]]], columns: int) -> list[Fault]:
    """Say for every line what is wrong with it."""
    faults = []
    for number, words in lines:
        where = f"{path}:{number}"
        if len(words) != columns:
            kind = "a prediction has 16, the last its score" if columns == len(_COLUMNS) else "a label has 15"
            faults.append(Fault(f"{len(words)} columns found; {kind}", where))
        else:
            faults += [
                Fault(f"{name} is {word!r}, not a finite number", where)
                for name, word in zip(_COLUMNS[1:], words[1:], strict=False)
                if not _is_finite(word)
            ]
    return faults


def _is_finite(word: str) -> bool:
    try:
        return bool(np.isfinite(float(word)))
    except ValueError:
        return False
