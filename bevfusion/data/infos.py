"""Info files: what a split consists of, written by ``dataset_convert`` and read by everything after it.

On disk an info file is a plain pickle, see :mod:`bevfusion.data.plain_pickle`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bevfusion.data.files import write_whole
from bevfusion.data.plain_pickle import PlainFormat, dump_plain
from bevfusion.spec.conventions import CONVENTIONS

__all__ = [
    "CONVERT_HINT",
    "FORMAT",
    "VERSION",
    "Camera",
    "Frame",
    "Infos",
    "locate",
    "parse_frame",
    "read_entries",
    "read_infos",
    "write_infos",
]

FORMAT = "bevfusion-infos"
VERSION = 2
CONVERT_HINT = "run dataset_convert first: automl run --model bevfusion --action dataset_convert --data ROOT"
_FORM = PlainFormat("info file", FORMAT, VERSION, CONVERT_HINT)


@dataclass(frozen=True)
class Camera:
    """One image of a frame with its raw calibration, (4, 4) float64 each, named as in ``geometry.frames``."""

    img_path: str
    height: int
    width: int
    cam2img: NDArray[np.float64]
    lidar2cam: NDArray[np.float64]
    lidar2img: NDArray[np.float64]


@dataclass(frozen=True)
class Frame:
    """One frame of a split; ``n`` objects of the searched classes, possibly none.

    Attributes:
        name: unique in the data set, names the frame's predictions.
        sample_idx: number of the frame, unique within the split.
        sequence: drive it was taken from, empty if unknown.
        lidar_path: point file relative to the points folder.
        num_features: numbers of a point.
        cameras: by camera name (``CAM2``).
        boxes_lidar: (n, 7) lidar 7 of :mod:`bevfusion.geometry.boxes`, or (n, 9) lidar 9 for data set types
            with three angles.
        boxes_2d: (n, 4) x1, y1, x2, y2 in pixels.
        labels: (n,) index into the split's classes.
        num_lidar_pts: (n,) points within each box.
        annotations: all labels of the file as KITTI names them, DontCare included, as lists by key ``name,
            truncated, occluded, alpha, bbox, dimensions`` (l, h, w) ``, location, rotation_y`` in the camera
            frame; None without labels.
        plane: (4,) ground a, b, c, d in the camera frame, ``ax + by + cz + d = 0``; None when unknown.
    """

    name: str
    sample_idx: int
    sequence: str
    lidar_path: str
    num_features: int
    cameras: Mapping[str, Camera]
    boxes_lidar: NDArray[np.float64]
    boxes_2d: NDArray[np.float64]
    labels: NDArray[np.int64]
    num_lidar_pts: NDArray[np.int64]
    annotations: dict[str, list[Any]] | None
    plane: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Infos:
    """A split: where it was read from, its classes and its frames."""

    path: Path
    dataset_type: str
    split: str
    classes: tuple[str, ...]
    frames: tuple[Frame, ...]

    def points_dir(self, root_dir: Path, prefix: str) -> Path:
        """Folder of the reduced point files.

        A conversion into a job's folder puts them beside the info file, one into the data root under it;
        whichever is there is taken, beside the info file first. An absolute prefix is taken as it is.
        """
        beside = self.path.parent / prefix
        has_points = any(locate(beside, frame.lidar_path).exists() for frame in self.frames[:1])
        return beside if has_points else root_dir / prefix


def locate(folder: Path, relative: str) -> Path:
    """Find a file that an info file names.

    Args:
        folder: folder of the points or images.
        relative: path from there. Frames of KITTI's ``testing`` part lead out of the folder by ``..``, which
            is taken literally: the folder itself may be missing, or be a link to elsewhere.
    """
    return Path(os.path.normpath(folder / relative))


def read_infos(path: Path) -> Infos:
    """Read an info file without trusting it.

    Raises:
        DataError: missing file, not a plain pickle, another format or version, or an entry that lacks a key.
    """
    meta, entries = _read(path)
    try:
        box_dim = 6 + CONVENTIONS[meta["dataset_type"]].angles
        frames = tuple(parse_frame(entry, box_dim) for entry in entries)
        return Infos(path, meta["dataset_type"], meta["split"], tuple(meta["classes"]), frames)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise _FORM.damaged(path, error) from error


def read_entries(path: Path) -> list[dict[str, Any]]:
    """Read the entries of an info file as :func:`write_infos` takes them, to join files.

    Raises:
        DataError: as of :func:`read_infos`.
    """
    read_infos(path)
    return _read(path)[1]


def write_infos(
    path: Path,
    frames: Sequence[Mapping[str, Any]],
    *,
    split: str,
    classes: Sequence[str] = ("person",),
    dataset_type: str = "KittiPersonDataset",
) -> None:
    """Write an info file whole or not at all.

    Args:
        path: target; its folder exists.
        frames: entries of ``data_list``, builtins only.
        split: ``train``, ``val`` or ``test``.
        classes: class names in the order of the labels.
        dataset_type: as the spec's ``dataset.type`` names it.
    """
    meta = {
        "format": FORMAT,
        "version": VERSION,
        "dataset_type": dataset_type,
        "classes": list(classes),
        "split": split,
    }
    write_whole(path, dump_plain({"metainfo": meta, "data_list": list(frames)}))


def _read(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    content = _FORM.load(path)
    if not isinstance(content.get("data_list"), list):
        raise _FORM.damaged(path, KeyError("data_list"))
    return content["metainfo"], content["data_list"]


def parse_frame(entry: Mapping[str, Any], box_dim: int) -> Frame:
    """Read one entry of an info file.

    Args:
        entry: as :func:`write_infos` takes it.
        box_dim: numbers of a box.

    Raises:
        KeyError: the entry lacks a key.
        TypeError: a value cannot be what it has to be.
        ValueError: likewise.
    """
    objects = entry["instances"]
    return Frame(
        name=entry["name"],
        sample_idx=int(entry["sample_idx"]),
        sequence=entry["sequence"],
        lidar_path=entry["lidar_points"]["lidar_path"],
        num_features=entry["lidar_points"]["num_pts_feats"],
        cameras={name: _parse_camera(camera) for name, camera in entry["images"].items()},
        boxes_lidar=np.array([obj["bbox_3d"] for obj in objects], dtype=np.float64).reshape(-1, box_dim),
        boxes_2d=np.array([obj["bbox"] for obj in objects], dtype=np.float64).reshape(-1, 4),
        labels=np.array([obj["bbox_label_3d"] for obj in objects], dtype=np.int64),
        num_lidar_pts=np.array([obj["num_lidar_pts"] for obj in objects], dtype=np.int64),
        annotations=entry["annotations"],
        plane=tuple(entry["plane"]) if entry["plane"] is not None else None,
    )


def _parse_camera(camera: Mapping[str, Any]) -> Camera:
    matrices = [
        np.array(camera[key], dtype=np.float64).reshape(4, 4) for key in ("cam2img", "lidar2cam", "lidar2img")
    ]
    return Camera(camera["img_path"], int(camera["height"]), int(camera["width"]), *matrices)
