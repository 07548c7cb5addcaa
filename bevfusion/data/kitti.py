"""KITTI's layout: its folders and text files; every fault names file, line and remedy.

Formats: the development kit of the KITTI 3D object benchmark (``ImageSets``, ``calib``, ``label_2``), and the
ground planes that were published for it later (``planes``, a text file a frame).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten

import numpy as np

from bevfusion.data.layout import Calibration, FrameFiles, Labels, PlacedBoxes, find_points, part_of
from bevfusion.data.text_files import numbered_lines, parse_floats, read_names
from bevfusion.errors import DataError, Fault
from bevfusion.geometry.boxes import camera7_to_lidar7
from bevfusion.geometry.frames import invert_rigid, to_homogeneous

__all__ = ["KITTI_CLASSES", "KittiLayout", "read_calibrations", "read_labels", "read_plane", "read_sequences"]

KITTI_CLASSES = (
    "Car", "Van", "Truck", "Pedestrian", "Person_sitting", "Cyclist", "Tram", "Misc", "DontCare",
)  # fmt: skip
_OUR_NAME = "person"
_CAMERAS = {"CAM2": "image_2", "CAM3": "image_3"}
_LIDAR_ROWS = {"R0_rect": (3, 3), "Tr_velo_to_cam": (3, 4)}
_LABEL_FIELDS = 15


@dataclass(frozen=True)
class KittiLayout:
    """``ImageSets``, ``training/{velodyne,image_2,calib,label_2}`` and, where it is there, ``testing``.

    Attributes:
        root_dir: KITTI root.
        num_views: 1 takes the left colour camera, 2 the right one (``image_3``) as well.
        with_planes: whether ``planes/<frame>.txt`` is read.
    """

    root_dir: Path
    num_views: int = 1
    with_planes: bool = False
    dataset_type: str = "KittiPersonDataset"

    def list_file(self, split: str) -> Path:
        """``ImageSets/<split>.txt``."""
        return self.root_dir / "ImageSets" / f"{split}.txt"

    def list_sequences(self, split: str) -> tuple[str, ...]:  # noqa: ARG002 - of the protocol
        """None: KITTI lists its frames singly."""
        return ()

    def list_frames(self, split: str) -> list[FrameFiles]:
        """Frames in the order of the list; see :meth:`bevfusion.data.layout.Layout.list_frames`.

        Raises:
            DataError: a name that is no number or is listed twice, or two point files of one frame.
        """
        listed = self.list_file(split)
        names = read_names(listed, kind="frame", hint="write names like 000042", is_numeric=True)
        sequences = read_sequences(listed.with_name("sequences.txt"))
        part = part_of(self.root_dir, split)
        folder = self.root_dir / part
        clouds, calibrations, labels = (folder / name for name in ("velodyne", "calib", "label_2"))
        images = {camera: folder / name for camera, name in list(_CAMERAS.items())[: self.num_views]}
        is_labelled = split != "test" or any((labels / f"{name}.txt").exists() for name in names)
        return [
            FrameFiles(
                name=name,
                sample_idx=int(name),
                part=part,
                sequence=sequences.get(name, ""),
                points=find_points(clouds, name, suffixes=(".bin", ".npy")),
                images={camera: folder / f"{name}.png" for camera, folder in images.items()},
                calibration=calibrations / f"{name}.txt",
                labels=labels / f"{name}.txt" if is_labelled else None,
            )
            for name in names
        ]

    def read_calibrations(self, frame: FrameFiles) -> dict[str, Calibration]:
        """Read the calibration of every camera of a frame, see :func:`read_calibrations`.

        Raises:
            DataError: everything that is wrong with the file.
        """
        return read_calibrations(frame.calibration, tuple(frame.images))

    def read_labels(self, path: Path) -> Labels:
        """Read the objects of one frame, see :func:`read_labels`.

        Raises:
            DataError: everything that is wrong with the file.
        """
        return read_labels(path)

    def read_plane(self, frame: FrameFiles) -> tuple[float, ...] | None:
        """Read the ground plane where planes are asked for, see :func:`read_plane`.

        Raises:
            DataError: the file is missing or does not hold a plane.
        """
        if not self.with_planes:
            return None
        return read_plane(self.root_dir / frame.part / "planes" / f"{frame.name}.txt")

    def place(self, labels: Labels, calibration: Calibration) -> PlacedBoxes:
        """KITTI labels in the camera frame; the LiDAR's boxes are those that mmdet3d makes of them."""
        return PlacedBoxes(camera7_to_lidar7(labels.boxes, invert_rigid(calibration.lidar2cam)), labels.boxes)


def read_sequences(path: Path) -> dict[str, str]:
    """Read which drive each frame was taken from.

    Args:
        path: ``ImageSets/sequences.txt``, lines ``<frame> <sequence>``. Optional: a missing file gives no
            entries.

    Raises:
        DataError: a line that does not hold two words.
    """
    sequences = {}
    for line, text in numbered_lines(path) if path.exists() else ():
        words = text.split()
        if len(words) != 2:
            raise DataError(f"found {text!r}", where=f"{path}:{line}", hint="write '<frame> <sequence>'")
        sequences[words[0]] = words[1]
    return sequences


def read_calibrations(path: Path, cameras: Sequence[str] = ("CAM2",)) -> dict[str, Calibration]:
    """Read the calibration of one frame.

    Args:
        path: a ``calib`` file.
        cameras: ``CAM0`` to ``CAM3``, whose projections are ``P0`` to ``P3``.

    Returns:
        By camera; ``lidar2cam`` is ``R0_rect @ Tr_velo_to_cam``, the same for all.

    Raises:
        DataError: the file or one of its rows is missing, or a row does not hold its count of finite numbers.
    """
    texts = dict(text.split(":", 1) for _, text in numbered_lines(path) if ":" in text)
    projections = {camera: f"P{camera.removeprefix('CAM')}" for camera in cameras}
    matrices, faults = {}, []
    for key, shape in (dict.fromkeys(projections.values(), (3, 4)) | _LIDAR_ROWS).items():
        count = math.prod(shape)
        values = parse_floats(texts[key].split()) if key in texts else None
        if values is None or len(values) != count:
            found = repr(shorten(texts[key], 60, placeholder="...")) if key in texts else "nothing"
            hint = f"KITTI's row is '{key}: ' and {count} finite numbers; take the frame's original file"
            faults.append(Fault(f"row {key} needs {count} numbers, found {found}", f"{path}:{key}", hint))
        else:
            matrices[key] = to_homogeneous(values.reshape(shape))
    if faults:
        raise DataError(faults)
    lidar2cam = matrices["R0_rect"] @ matrices["Tr_velo_to_cam"]
    return {camera: Calibration(matrices[row], lidar2cam) for camera, row in projections.items()}


def read_labels(path: Path) -> Labels:
    """Read the objects of one frame.

    Returns:
        Boxes are camera 7 of :mod:`bevfusion.geometry.boxes`; the file's h, w, l become l, h, w.

    Raises:
        DataError: missing file, a line that does not hold 15 fields, an unknown class, or a number that is
            none.
    """
    names, rows, faults = [], [], []
    for line, text in numbered_lines(path):
        name, *fields = text.split()
        values = parse_floats(fields)
        if fault := _label_fault(name, len(fields) + 1, is_numeric=values is not None):
            faults.append(Fault(fault.message, f"{path}:{line}", fault.hint))
        else:
            names.append(name)
            rows.append(values)
    if faults:
        raise DataError(faults)
    table = np.array(rows, dtype=np.float64).reshape(-1, _LABEL_FIELDS - 1)
    height, width, length = table[:, 7], table[:, 8], table[:, 9]
    boxes = np.stack([*table[:, 10:13].T, length, height, width, table[:, 13]], axis=1)
    return Labels(tuple(names), table[:, 0], table[:, 1].astype(np.int64), table[:, 2], table[:, 3:7], boxes)


def read_plane(path: Path) -> tuple[float, ...]:
    """Read the ground plane of one frame.

    Args:
        path: a file of ``planes``: three lines of heading, then a b c d.

    Returns:
        a, b, c, d with ``ax + by + cz + d = 0`` in the camera frame, (a, b, c) of length 1.

    Raises:
        DataError: missing file, or the fourth line is no plane.
    """
    lines = dict(numbered_lines(path))
    values = parse_floats(lines.get(4, "").split())
    if values is None or len(values) != 4 or not 0.9 < np.linalg.norm(values[:3]) < 1.1:
        hint = "write a b c d, the unit normal and the distance in metres"
        raise DataError(f"found {lines.get(4, '')!r}, not a plane", where=f"{path}:4", hint=hint)
    return tuple((values / np.linalg.norm(values[:3])).tolist())


def _label_fault(name: str, field_count: int, *, is_numeric: bool) -> Fault | None:
    if field_count != _LABEL_FIELDS:
        return Fault(
            f"{field_count} fields, a KITTI label has {_LABEL_FIELDS}", hint="mend or remove the line"
        )
    if name not in (*KITTI_CLASSES, _OUR_NAME):
        allowed = ", ".join((*KITTI_CLASSES, _OUR_NAME))
        return Fault(f"unknown class {name!r}", hint=f"known are {allowed}; use Misc for others")
    return None if is_numeric else Fault("a field is not a finite number", hint="mend or remove the line")
