"""Parsers of KITTI's text files; every fault names file, line and remedy.

Formats: the development kit of the KITTI 3D object benchmark (``ImageSets``, ``calib``, ``label_2``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten

import numpy as np
from numpy.typing import NDArray

from bevfusion.errors import DataError, Fault
from bevfusion.geometry.frames import to_homogeneous

__all__ = [
    "KITTI_CLASSES",
    "PERSON_NAMES",
    "Calibration",
    "Labels",
    "read_calibration",
    "read_labels",
    "read_sequences",
    "read_split",
]

KITTI_CLASSES = (
    "Car", "Van", "Truck", "Pedestrian", "Person_sitting", "Cyclist", "Tram", "Misc", "DontCare",
)  # fmt: skip
PERSON_NAMES = ("Pedestrian", "person")
"""Label names that become the class ``person``; TAO's KITTI files use the second."""

_CALIBRATION_ROWS = {"P2": (3, 4), "R0_rect": (3, 3), "Tr_velo_to_cam": (3, 4)}
_LABEL_FIELDS = 15


@dataclass(frozen=True)
class Calibration:
    """The matrices of one frame that the detector needs, (4, 4) float64 each.

    Attributes:
        cam2img: projection of the left colour camera (``P2``), rectified camera to pixels.
        lidar2cam: ``R0_rect @ Tr_velo_to_cam``, LiDAR to rectified camera.
    """

    cam2img: NDArray[np.float64]
    lidar2cam: NDArray[np.float64]

    @property
    def lidar2img(self) -> NDArray[np.float64]:
        """LiDAR to pixels."""
        return self.cam2img @ self.lidar2cam


@dataclass(frozen=True)
class Labels:
    """All objects of one ``label_2`` file, one row each, ``n`` rows.

    Attributes:
        names: class names as written.
        truncated: (n,) share of the object outside the image, -1 for DontCare.
        occluded: (n,) 0 visible, 1 partly, 2 largely occluded, 3 unknown, -1 DontCare.
        alpha: (n,) observation angle, radians.
        boxes_2d: (n, 4) x1, y1, x2, y2, pixels.
        boxes_camera: (n, 7) camera 7 of :mod:`bevfusion.geometry.boxes`; the file's h, w, l become l, h, w.
    """

    names: tuple[str, ...]
    truncated: NDArray[np.float64]
    occluded: NDArray[np.int64]
    alpha: NDArray[np.float64]
    boxes_2d: NDArray[np.float64]
    boxes_camera: NDArray[np.float64]


def read_split(path: Path) -> list[str]:
    """Read the frames of one split.

    Args:
        path: ``ImageSets/<split>.txt``, one frame name a line. A missing or empty file is an empty split.

    Raises:
        DataError: a name that is not a number, or one that is listed twice.
    """
    if not path.exists():
        return []
    frames: dict[str, int] = {}
    faults = []
    for line, name in _numbered_lines(path):
        if not name.isdecimal():
            faults.append(
                Fault(f"frame name {name!r} is not a number", f"{path}:{line}", "write names like 000042")
            )
        elif name in frames:
            hint = "list each frame once"
            faults.append(Fault(f"frame {name} is already in line {frames[name]}", f"{path}:{line}", hint))
        else:
            frames[name] = line
    if faults:
        raise DataError(faults)
    return list(frames)


def read_sequences(path: Path) -> dict[str, str]:
    """Read which drive each frame was taken from.

    Args:
        path: ``ImageSets/sequences.txt``, lines ``<frame> <sequence>``. Optional: a missing file gives no
            entries.

    Raises:
        DataError: a line that does not hold two words.
    """
    if not path.exists():
        return {}
    sequences = {}
    for line, text in _numbered_lines(path):
        words = text.split()
        if len(words) != 2:
            raise DataError(f"found {text!r}", where=f"{path}:{line}", hint="write '<frame> <sequence>'")
        sequences[words[0]] = words[1]
    return sequences


def read_calibration(path: Path) -> Calibration:
    """Read the calibration of one frame.

    Raises:
        DataError: the file or one of its rows is missing, or a row does not hold its count of finite numbers.
    """
    rows = dict(text.split(":", 1) for _, text in _numbered_lines(_existing(path)) if ":" in text)
    matrices, faults = {}, []
    for key, shape in _CALIBRATION_ROWS.items():
        count = math.prod(shape)
        values = _floats(rows[key].split()) if key in rows else None
        if values is None or len(values) != count:
            found = repr(shorten(rows[key], 60, placeholder="...")) if key in rows else "nothing"
            hint = f"KITTI's row is '{key}: ' and {count} finite numbers; take the frame's original file"
            faults.append(Fault(f"row {key} needs {count} numbers, found {found}", f"{path}:{key}", hint))
        else:
            matrices[key] = to_homogeneous(np.reshape(values, shape))
    if faults:
        raise DataError(faults)
    return Calibration(matrices["P2"], matrices["R0_rect"] @ matrices["Tr_velo_to_cam"])


def read_labels(path: Path) -> Labels:
    """Read the objects of one frame.

    Raises:
        DataError: missing file, a line that does not hold 15 fields, an unknown class, or a number that is
            none.
    """
    names, rows, faults = [], [], []
    for line, text in _numbered_lines(_existing(path)):
        name, *fields = text.split()
        values = _floats(fields)
        if fault := _label_fault(name, len(fields) + 1, is_numeric=values is not None):
            faults.append(Fault(fault.message, f"{path}:{line}", fault.hint))
        elif values is not None:
            names.append(name)
            rows.append(values)
    if faults:
        raise DataError(faults)
    table = np.array(rows, dtype=np.float64).reshape(-1, _LABEL_FIELDS - 1)
    height, width, length = table[:, 7], table[:, 8], table[:, 9]
    boxes = np.stack([*table[:, 10:13].T, length, height, width, table[:, 13]], axis=1)
    return Labels(tuple(names), table[:, 0], table[:, 1].astype(np.int64), table[:, 2], table[:, 3:7], boxes)


def _existing(path: Path) -> Path:
    if not path.exists():
        raise DataError(
            "the file is missing", where=str(path), hint="restore it, or remove the frame from ImageSets"
        )
    return path


def _numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise DataError(
            "the file is not text", where=str(path), hint="restore KITTI's original file"
        ) from None
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield number, line.strip()


def _floats(words: list[str]) -> list[float] | None:
    try:
        values = [float(word) for word in words]
    except ValueError:
        return None
    return values if all(math.isfinite(value) for value in values) else None


def _label_fault(name: str, field_count: int, *, is_numeric: bool) -> Fault | None:
    if field_count != _LABEL_FIELDS:
        return Fault(
            f"{field_count} fields, a KITTI label has {_LABEL_FIELDS}", hint="mend or remove the line"
        )
    if name not in (*KITTI_CLASSES, *PERSON_NAMES):
        allowed = ", ".join((*KITTI_CLASSES, PERSON_NAMES[-1]))
        return Fault(f"unknown class {name!r}", hint=f"known are {allowed}; use Misc for others")
    return None if is_numeric else Fault("a field is not a finite number", hint="mend or remove the line")
