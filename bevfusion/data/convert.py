"""Turns a KITTI folder into info files and reduced point clouds (points the camera can see)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bevfusion.data.files import write_whole
from bevfusion.data.infos import write_infos
from bevfusion.data.kitti import (
    PERSON_NAMES,
    Calibration,
    Labels,
    read_calibration,
    read_labels,
    read_sequences,
    read_split,
)
from bevfusion.data.loading import POINT_FEATURES, load_points, read_image_size
from bevfusion.data.parallel import map_frames
from bevfusion.errors import DataError, Fault
from bevfusion.geometry.boxes import camera7_to_lidar7, points_in_boxes
from bevfusion.geometry.frames import invert_rigid, visible_mask

__all__ = ["CAMERA", "SPLITS", "ConvertRequest", "convert_kitti"]

SPLITS = ("train", "val", "test")
CAMERA = "CAM2"
_SPLITS_OF_MODE = {"training": SPLITS, "validation": ("val",), "testing": ("test",)}
_MAX_FAULTS = 20
_Part = TypeVar("_Part")


@dataclass(frozen=True)
class ConvertRequest:
    """What to convert and where to write it.

    Attributes:
        root_dir: KITTI root: ``ImageSets``, ``training`` and, where KITTI's own test part is present,
            ``testing``.
        output_dir: receives the info files and ``training/velodyne_reduced``.
        prefix: info files are called ``<prefix>_infos_<split>.pkl``.
        mode: ``training`` converts every split that is listed, ``validation`` and ``testing`` only that one.
        workers: processes; None takes all cores.
    """

    root_dir: Path
    output_dir: Path
    prefix: str = "kitti_person"
    mode: str = "training"
    workers: int | None = None

    def info_path(self, split: str) -> Path:
        """Info file of one split."""
        return self.output_dir / f"{self.prefix}_infos_{split}.pkl"


@dataclass(frozen=True)
class _FrameTask:
    name: str
    split: str
    part: str
    sequence: str
    has_labels: bool
    request: ConvertRequest

    def source(self, folder: str, suffix: str) -> Path:
        return self.request.root_dir / self.part / folder / f"{self.name}{suffix}"

    def relative(self, folder: str, suffix: str) -> str:
        """Path from the training part's folder, which is the one that the spec's ``data_prefix`` names."""
        up = "" if self.part == "training" else f"../../{self.part}/{folder}/"
        return f"{up}{self.name}{suffix}"


@dataclass(frozen=True)
class _Sources:
    calibration: Calibration
    height_px: int
    width_px: int
    points: NDArray[np.float32]
    labels: Labels | None


@dataclass(frozen=True)
class _Outcome:
    split: str
    entry: dict[str, Any] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()


def convert_kitti(request: ConvertRequest) -> dict[str, Path]:
    """Convert every split of the request; frames without a pedestrian stay in as negatives.

    The test split is read from ``testing`` if that folder is there, else from ``training`` like the others;
    it needs no labels. Reduced point files and info files appear under their names only when complete, and
    info files only when every frame of every split is sound.

    Args:
        request: what and where.

    Returns:
        The info file of each split that has frames.

    Raises:
        DataError: everything that is wrong with the data set, file by file.
    """
    frames = _read_splits(request)
    sequences = read_sequences(request.root_dir / "ImageSets" / "sequences.txt")
    tasks = [task for split, names in frames.items() for task in _plan(request, split, names, sequences)]
    for part in {"training", *(task.part for task in tasks)}:
        (request.output_dir / part / "velodyne_reduced").mkdir(parents=True, exist_ok=True)

    outcomes = map_frames(_convert_frame, tasks, description="converting", workers=request.workers)
    if faults := [fault for outcome in outcomes for fault in outcome.faults]:
        raise DataError(_first(faults))
    for split in frames:
        write_infos(
            request.info_path(split),
            [outcome.entry for outcome in outcomes if outcome.split == split],
            split=split,
        )
    return {split: request.info_path(split) for split in frames}


def _first(faults: list[Fault]) -> list[Fault]:
    if len(faults) <= _MAX_FAULTS:
        return faults
    return [*faults[:_MAX_FAULTS], Fault(f"and {len(faults) - _MAX_FAULTS} more faults like these")]


def _read_splits(request: ConvertRequest) -> dict[str, list[str]]:
    image_sets = request.root_dir / "ImageSets"
    wanted = _SPLITS_OF_MODE[request.mode]
    splits = {split: read_split(image_sets / f"{split}.txt") for split in wanted}
    if not any(splits.values()):
        files = ", ".join(f"{split}.txt" for split in wanted)
        hint = "root_dir must be the folder that holds KITTI's ImageSets, training (and testing)"
        raise DataError(f"no frames listed in {files}", where=str(image_sets), hint=hint)
    _refuse_overlap(request, splits)
    return {split: names for split, names in splits.items() if names}


def _refuse_overlap(request: ConvertRequest, splits: Mapping[str, Sequence[str]]) -> None:
    """Frames that are trained on and measured on would make every score a lie."""
    faults, owner = [], dict[tuple[str, str], str]()
    for split, names in splits.items():
        part = _part_of(request, split)
        shared = [(name, owner[part, name]) for name in names if (part, name) in owner]
        if shared:
            message = (
                f"{len(shared)} frames are also in another split, first {shared[0][0]} in {shared[0][1]}.txt"
            )
            hint = "list each frame in one split; KITTI's own test frames belong into ROOT/testing"
            faults.append(Fault(message, str(request.root_dir / "ImageSets" / f"{split}.txt"), hint))
        owner.update({(part, name): split for name in names})
    if faults:
        raise DataError(faults)


def _part_of(request: ConvertRequest, split: str) -> str:
    is_own_part = split == "test" and (request.root_dir / "testing").is_dir()
    return "testing" if is_own_part else "training"


def _plan(
    request: ConvertRequest, split: str, names: Sequence[str], sequences: Mapping[str, str]
) -> list[_FrameTask]:
    part = _part_of(request, split)
    labels = request.root_dir / part / "label_2"
    has_labels = split != "test" or any((labels / f"{name}.txt").exists() for name in names)
    return [_FrameTask(name, split, part, sequences.get(name, ""), has_labels, request) for name in names]


def _convert_frame(task: _FrameTask) -> _Outcome:
    try:
        return _Outcome(task.split, _make_entry(task, _read_sources(task)))
    except DataError as error:
        return _Outcome(task.split, faults=error.faults)


def _read_sources(task: _FrameTask) -> _Sources:
    """Read all files of a frame, and tell all that is wrong with any of them."""
    faults: list[Fault] = []
    calibration = _attempt(faults, lambda: read_calibration(task.source("calib", ".txt")))
    size = _attempt(faults, lambda: read_image_size(task.source("image_2", ".png")))
    points = _attempt(faults, lambda: load_points(task.source("velodyne", ".bin")))
    labels = None
    if task.has_labels:
        labels = _attempt(faults, lambda: read_labels(task.source("label_2", ".txt")))
    if calibration is None or size is None or points is None or faults:
        raise DataError(faults)
    return _Sources(calibration, *size, points, labels)


def _make_entry(task: _FrameTask, sources: _Sources) -> dict[str, Any]:
    """Write the reduced points of a frame and make its entry of ``data_list``."""
    calibration, height, width = sources.calibration, sources.height_px, sources.width_px
    seen = visible_mask(sources.points[:, :3], calibration.lidar2img, height_px=height, width_px=width)
    if not seen.any():
        where, hint = (
            str(task.source("calib", ".txt")),
            "calibration, image and point file do not belong together",
        )
        raise DataError("no LiDAR point projects into the image", where=where, hint=hint)
    points = sources.points[seen]
    instances = _instances(task, sources.labels, calibration, points)
    target = task.request.output_dir / task.part / "velodyne_reduced" / f"{task.name}.bin"
    write_whole(target, points.astype("<f4").tobytes(), durable=False)
    camera = {
        "img_path": task.relative("image_2", ".png"),
        "height": height,
        "width": width,
        "cam2img": calibration.cam2img.tolist(),
        "lidar2cam": calibration.lidar2cam.tolist(),
        "lidar2img": calibration.lidar2img.tolist(),
    }
    lidar_path = task.relative("velodyne_reduced", ".bin")
    return {
        "sample_idx": int(task.name),
        "sequence": task.sequence,
        "lidar_points": {"lidar_path": lidar_path, "num_pts_feats": POINT_FEATURES},
        "images": {CAMERA: camera},
        "instances": instances,
        "annotations": _annotations(sources.labels),
    }


def _attempt(faults: list[Fault], read: Callable[[], _Part]) -> _Part | None:
    try:
        return read()
    except DataError as error:
        faults.extend(error.faults)
        return None


def _instances(
    task: _FrameTask, labels: Labels | None, calibration: Calibration, points: NDArray[np.float32]
) -> list[dict[str, Any]]:
    if labels is None:
        return []
    rows = [row for row, name in enumerate(labels.names) if name in PERSON_NAMES]
    boxes = labels.boxes_camera[rows]
    if (boxes[:, 3:6] <= 0).any():
        hint = "give every person its 3D box, or call it DontCare"
        raise DataError(
            "a person's dimensions are not positive", where=str(task.source("label_2", ".txt")), hint=hint
        )
    counts = points_in_boxes(points, camera7_to_lidar7(boxes, invert_rigid(calibration.lidar2cam))).sum(
        axis=0
    )
    return [
        {
            "bbox_label_3d": 0,
            "bbox_3d": labels.boxes_camera[row].tolist(),
            "bbox": labels.boxes_2d[row].tolist(),
            "truncated": float(labels.truncated[row]),
            "occluded": int(labels.occluded[row]),
            "alpha": float(labels.alpha[row]),
            "num_lidar_pts": int(count),
        }
        for row, count in zip(rows, counts, strict=True)
    ]


def _annotations(labels: Labels | None) -> dict[str, list[Any]] | None:
    if labels is None:
        return None
    return {
        "name": list(labels.names),
        "truncated": labels.truncated.tolist(),
        "occluded": labels.occluded.tolist(),
        "alpha": labels.alpha.tolist(),
        "bbox": labels.boxes_2d.tolist(),
        "dimensions": labels.boxes_camera[:, 3:6].tolist(),
        "location": labels.boxes_camera[:, :3].tolist(),
        "rotation_y": labels.boxes_camera[:, 6].tolist(),
    }
