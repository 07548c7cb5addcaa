"""The object database: what is seen of each labelled object of a split, to be pasted into other frames.

It lies beside the info file of the training split, is written with it, and knows it by its hash: objects of
another split, from an earlier conversion, would be validation frames in the training.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bevfusion.data.files import write_whole
from bevfusion.data.frame_conversion import ConversionTarget
from bevfusion.data.infos import CONVERT_HINT, Frame, locate, parse_frame
from bevfusion.data.loading import load_image, load_points
from bevfusion.data.outlines import PixelBox, pixel_boxes
from bevfusion.data.plain_pickle import PlainFormat, dump_plain
from bevfusion.errors import DataError, Fault
from bevfusion.geometry.boxes import points_in_boxes
from bevfusion.metrics.protocol import DIFFICULTIES

__all__ = [
    "FORMAT",
    "MIN_POINTS",
    "VERSION",
    "Patch",
    "StoredObject",
    "cut_out_objects",
    "objects_path",
    "read_objects",
    "write_objects",
]

FORMAT = "bevfusion-objects"
VERSION = 1
MIN_POINTS = 5
"""Objects with fewer points teach nothing and are not kept."""
_MAX_PER_CLASS = 10_000  # some hundred megabytes at most, whatever the size of the data set
_FORM = PlainFormat("object database", FORMAT, VERSION, CONVERT_HINT.replace(" first:", " again:"))


@dataclass(frozen=True)
class Patch:
    """An object in one image: where it was, and its pixels as PNG."""

    box_px: PixelBox
    png: bytes

    def open(self) -> Image.Image:
        """The pixels, RGB."""
        return Image.open(io.BytesIO(self.png), formats=("PNG",)).convert("RGB")


@dataclass(frozen=True)
class StoredObject:
    """One labelled object with all that the sensors saw of it.

    Attributes:
        frame: name of the frame it was cut out of.
        label: index into the classes of the info file.
        difficulty: the easiest of :data:`bevfusion.metrics.protocol.DIFFICULTIES` that it counts for; their
            number where it counts for none.
        box: (7,) or (9,) as ``Frame.boxes_lidar``.
        points: (n, num_features) float32, raw LiDAR frame, inside the box.
        patches: by camera; cameras that do not see it are missing.
    """

    frame: str
    label: int
    difficulty: int
    box: NDArray[np.float64]
    points: NDArray[np.float32]
    patches: Mapping[str, Patch]


def objects_path(info_path: Path) -> Path:
    """The object database of an info file lies beside it."""
    return info_path.with_name(f"{info_path.stem}_objects.pkl")


def cut_out_objects(
    entry: Mapping[str, Any], target: ConversionTarget
) -> tuple[list[dict[str, Any]], tuple[Fault, ...]]:
    """Cut the objects of one frame out of its points and images.

    Args:
        entry: of an info file.
        target: where its reduced points and its images lie.

    Returns:
        Entries of a database, and what is wrong with the frame's files.
    """
    frame = parse_frame(entry, 6 + target.convention.angles)
    try:
        path = locate(target.points_dir, frame.lidar_path)
        points = load_points(path, num_features=frame.num_features)
        inside = points_in_boxes(points, frame.boxes_lidar)
        rows = np.flatnonzero(inside.sum(axis=0) >= MIN_POINTS)
        patches = _cut_patches(frame, rows, target.images_dir)
    except DataError as error:
        return [], error.faults
    return [
        {
            "frame": frame.name,
            "label": int(frame.labels[row]),
            "difficulty": _difficulty(entry["instances"][row]),
            "box": frame.boxes_lidar[row].tolist(),
            "num_features": frame.num_features,
            "points": points[inside[:, row]].astype("<f4").tobytes(),
            "patches": patches_of,
        }
        for row, patches_of in zip(rows, patches, strict=True)
    ], ()


def write_objects(info_path: Path, objects: Sequence[Mapping[str, Any]]) -> None:
    """Write the database of an info file that is already there.

    Of more than ten thousand objects of a class so many are kept, evenly chosen.

    Args:
        info_path: info file of the frames that the objects were cut out of.
        objects: of :func:`cut_out_objects`.
    """
    meta = {"format": FORMAT, "version": VERSION, "infos": _hash(info_path)}
    content = {"metainfo": meta, "objects": list(_thinned(objects))}
    write_whole(objects_path(info_path), dump_plain(content))


def read_objects(info_path: Path) -> tuple[StoredObject, ...]:
    """Read the database of an info file without trusting it.

    Raises:
        DataError: missing file, not a plain pickle, another format or version, an entry that lacks a key, or
            made for another info file.
    """
    path = objects_path(info_path)
    content = _FORM.load(path)
    if content["metainfo"].get("infos") != _hash(info_path):
        raise _FORM.refusal(path, f"made for another {info_path.name} than the one beside it")
    try:
        return tuple(_parse(entry) for entry in content["objects"])
    except (KeyError, TypeError, ValueError) as error:
        raise _FORM.damaged(path, error) from error


def _hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _cut_patches(frame: Frame, rows: NDArray[np.intp], images_dir: Path) -> list[dict[str, Any]]:
    """For each row of the frame's boxes its entries by camera."""
    patches: list[dict[str, Any]] = [{} for _ in rows]
    for name, camera in frame.cameras.items() if len(rows) else ():
        image = load_image(locate(images_dir, camera.img_path))
        for found, box in zip(patches, pixel_boxes(frame.boxes_lidar[rows], camera).tolist(), strict=True):
            if any(box):
                stream = io.BytesIO()
                image.crop(tuple(box)).save(stream, format="PNG")
                found[name] = {"box": box, "png": stream.getvalue()}
    return patches


def _difficulty(label: Mapping[str, Any]) -> int:
    _, top, _, bottom = label["bbox"]
    for level, rule in enumerate(DIFFICULTIES):
        if (
            bottom - top > rule.min_height_px
            and label["occluded"] <= rule.max_occlusion
            and label["truncated"] <= rule.max_truncation
        ):
            return level
    return len(DIFFICULTIES)


def _thinned(objects: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    by_label: dict[int, list[Mapping[str, Any]]] = {}
    for found in objects:
        by_label.setdefault(found["label"], []).append(found)
    for _, of_label in sorted(by_label.items()):
        count = min(len(of_label), _MAX_PER_CLASS)
        yield from (of_label[index * len(of_label) // count] for index in range(count))


def _parse(entry: Mapping[str, Any]) -> StoredObject:
    points = np.frombuffer(entry["points"], dtype="<f4").reshape(-1, entry["num_features"])
    patches = {camera: _parse_patch(patch) for camera, patch in entry["patches"].items()}
    box = np.array(entry["box"], dtype=np.float64)
    return StoredObject(entry["frame"], int(entry["label"]), int(entry["difficulty"]), box, points, patches)


def _parse_patch(patch: Mapping[str, Any]) -> Patch:
    left, top, right, bottom = patch["box"]
    return Patch((left, top, right, bottom), patch["png"])
