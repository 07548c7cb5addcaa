"""Turns a data set's folders into info files and reduced point clouds (points the camera can see)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bevfusion.data.files import staged
from bevfusion.data.infos import parse_frame, read_entries, write_infos
from bevfusion.data.inspection import (
    FrameView,
    Places,
    SplitReport,
    inspect_frame,
    inspect_split,
    report_views,
)
from bevfusion.data.layout import Calibration, FrameFiles, Labels, Layout, PlacedBoxes
from bevfusion.data.loading import load_points, read_image_size
from bevfusion.data.parallel import map_frames
from bevfusion.errors import DataError, Fault
from bevfusion.geometry.boxes import points_in_boxes
from bevfusion.geometry.frames import is_rotation, visible_mask
from bevfusion.spec.conventions import CONVENTIONS, Convention

__all__ = ["SPLITS", "ConvertRequest", "convert_dataset"]

SPLITS = ("train", "val", "test")
_PERSON_NAMES = ("pedestrian", "person")  # KITTI's name of the class, and TAO's
_MAX_FAULTS = 20
_Part = TypeVar("_Part")


@dataclass(frozen=True)
class ConvertRequest:
    """What to convert and where to write it.

    Attributes:
        layout: what the data set looks like.
        output_dir: receives the info files and the reduced points.
        prefix: info files are called ``<prefix>_infos_<split>.pkl``.
        splits: those to convert; one that lists nothing is left out.
        per_sequence: whether each sequence gets an info file of its own as well.
        merge_only: whether splits are made of the info files of their sequences, without looking at the data.
        workers: processes; None takes all cores.
    """

    layout: Layout
    output_dir: Path
    prefix: str = "kitti_person"
    splits: tuple[str, ...] = SPLITS
    per_sequence: bool = False
    merge_only: bool = False
    workers: int | None = None

    @property
    def convention(self) -> Convention:
        """What the type of the data set prescribes."""
        return CONVENTIONS[self.layout.dataset_type]

    def info_path(self, split: str) -> Path:
        """Info file of one split."""
        return self.output_dir / f"{self.prefix}_infos_{split}.pkl"

    def sequence_path(self, sequence: str) -> Path:
        """Info file of one sequence."""
        return self.output_dir / f"{self.prefix}_sequence_{sequence}.pkl"


@dataclass(frozen=True)
class _Sources:
    calibrations: Mapping[str, Calibration]
    sizes_px: Mapping[str, tuple[int, int]]
    points: NDArray[np.float32]
    labels: Labels | None
    plane: tuple[float, ...] | None

    @property
    def main(self) -> str:
        return next(iter(self.calibrations))


@dataclass(frozen=True)
class _Outcome:
    entry: dict[str, Any] = field(default_factory=dict)
    view: FrameView | None = None
    faults: tuple[Fault, ...] = ()


def convert_dataset(request: ConvertRequest) -> dict[str, SplitReport]:
    """Convert every split of the request; frames without a person stay in as negatives.

    The test split is read from ``testing`` if that folder is there, else from ``training`` like the others;
    it needs no labels. Nothing appears in ``output_dir``, and nothing there is touched, unless every frame of
    every split is sound and what was made of it fits together.

    Args:
        request: what and where.

    Returns:
        What the check of each split saw, by the name of the split; splits without frames are missing.

    Raises:
        DataError: everything that is wrong with the data set, file by file, or the output cannot be written.
    """
    with _published(request.output_dir) as stage:
        to_stage = replace(request, output_dir=stage)
        reports = _join_splits(request, to_stage) if request.merge_only else _convert_splits(to_stage)
        if faults := [fault for report in reports.values() for fault in report.faults]:
            raise DataError(_first(faults))  # nobody shall train on what is known to be wrong
        return reports


@contextmanager
def _published(output_dir: Path) -> Iterator[Path]:
    """A stage for the files of ``output_dir``; errors speak of the places they would have been put in."""
    stage = output_dir
    try:
        with staged(output_dir) as stage:
            yield stage
    except DataError as error:
        raise DataError([_at(output_dir, stage, fault) for fault in error.faults]) from error
    except OSError as error:
        fault = Fault(
            f"cannot be written ({error.strerror})",
            where=str(error.filename or output_dir),
            hint="make room, or choose another results_dir",
        )
        raise DataError(_at(output_dir, stage, fault)) from error


def _at(folder: Path, stage: Path, fault: Fault) -> Fault:
    parts = (text.replace(str(stage), str(folder)) for text in (fault.message, fault.where, fault.hint))
    return Fault(*parts)


def _first(faults: list[Fault]) -> list[Fault]:
    if len(faults) <= _MAX_FAULTS:
        return faults
    return [*faults[:_MAX_FAULTS], Fault(f"and {len(faults) - _MAX_FAULTS} more faults like these")]


def _convert_splits(request: ConvertRequest) -> dict[str, SplitReport]:
    """Write reduced points and info files, and sum up what each frame showed."""
    frames = _list_frames(request)
    tasks = [(split, frame) for split, of_split in frames.items() for frame in of_split]
    convert = partial(_convert_frame, request=request)
    outcomes = map_frames(convert, tasks, description="converting", workers=request.workers)
    if faults := [fault for outcome in outcomes for fault in outcome.faults]:
        raise DataError(_first(faults))
    ordered, reports = iter(outcomes), dict[str, SplitReport]()
    for split, of_split in frames.items():
        made = list(islice(ordered, len(of_split)))
        entries = [outcome.entry for outcome in made]
        _write_infos(request, entries, split)
        views = [outcome.view for outcome in made if outcome.view]
        reports[split] = report_views(split, views, request.info_path(split))
    return reports


def _write_infos(request: ConvertRequest, entries: Sequence[dict[str, Any]], split: str) -> None:
    files = {request.info_path(split): entries}
    if request.per_sequence:
        for sequence in dict.fromkeys(entry["sequence"] for entry in entries):
            of_it = [entry for entry in entries if entry["sequence"] == sequence]
            files[request.sequence_path(sequence)] = of_it
    for path, content in files.items():
        write_infos(path, content, split=split, dataset_type=request.layout.dataset_type)


def _join_splits(request: ConvertRequest, to_stage: ConvertRequest) -> dict[str, SplitReport]:
    """Make the info file of each split of those of its sequences, frames numbered anew, and check it."""
    joined: dict[str, list[dict[str, Any]]] = {}
    faults: list[Fault] = []
    for split in request.splits:
        paths = [request.sequence_path(name) for name in request.layout.list_sequences(split)]
        parts = [_attempt(faults, partial(read_entries, path)) or [] for path in paths]
        entries = [entry for part in parts for entry in part]
        if paths:
            joined[split] = [entry | {"sample_idx": index} for index, entry in enumerate(entries)]
    if faults:
        hint = "convert with per_sequence=true and merge_only=false first"
        raise DataError([replace(fault, hint=hint) for fault in faults])
    _refuse_empty(request, joined)
    for split, entries in joined.items():
        _write_infos(to_stage, entries, split)
    return {
        split: inspect_split(
            to_stage.info_path(split),
            request.layout.root_dir,
            pts_prefix=str(request.output_dir / request.convention.pts),
            img_prefix=request.convention.img,
            workers=request.workers,
        )
        for split in joined
    }


def _list_frames(request: ConvertRequest) -> dict[str, list[FrameFiles]]:
    faults: list[Fault] = []
    listed = {
        split: _attempt(faults, partial(request.layout.list_frames, split)) or [] for split in request.splits
    }
    if not faults:
        _refuse_empty(request, listed)
        faults = _overlaps(request, listed)
    if faults:
        raise DataError(_first(faults))
    return {split: frames for split, frames in listed.items() if frames}


def _refuse_empty(request: ConvertRequest, listed: Mapping[str, Sequence[Any]]) -> None:
    if not any(listed.values()):
        files = [request.layout.list_file(split) for split in request.splits]
        raise DataError(
            f"no frames listed in {', '.join(path.name for path in files)}",
            where=str(files[0].parent),
            hint="root_dir must be the folder that holds ImageSets, training (and testing)",
        )


def _overlaps(request: ConvertRequest, listed: Mapping[str, Sequence[FrameFiles]]) -> list[Fault]:
    """Frames that are trained on and measured on would make every score a lie."""
    faults, owner = [], dict[Path, str]()
    for split, frames in listed.items():
        shared = [frame for frame in frames if frame.points in owner]
        if shared:
            first = shared[0]
            other = request.layout.list_file(owner[first.points]).name
            message = f"{len(shared)} frames are also in another split, first {first.name} in {other}"
            hint = "list each frame in one split; test frames of their own belong into ROOT/testing"
            faults.append(Fault(message, str(request.layout.list_file(split)), hint))
        owner.update({frame.points: split for frame in frames})
    return faults


def _convert_frame(task: tuple[str, FrameFiles], request: ConvertRequest) -> _Outcome:
    split, frame = task
    try:
        entry = _make_entry(frame, _read_sources(frame, request.layout), request)
    except DataError as error:
        return _Outcome(faults=error.faults)
    # Read back what was written, as the detector will read it.
    convention, root = request.convention, request.layout.root_dir
    places = Places(request.info_path(split), request.output_dir / convention.pts, root / convention.img)
    return _Outcome(entry, inspect_frame(parse_frame(entry, 6 + convention.angles), places))


def _read_sources(frame: FrameFiles, layout: Layout) -> _Sources:
    """Read all files of a frame, and tell all that is wrong with any of them."""
    faults: list[Fault] = []
    calibrations = _attempt(faults, lambda: layout.read_calibrations(frame))
    sizes = {
        camera: _attempt(faults, partial(read_image_size, path)) or (0, 0)
        for camera, path in frame.images.items()
    }
    points = _attempt(faults, lambda: load_points(frame.points))
    labels = _attempt(faults, partial(layout.read_labels, frame.labels)) if frame.labels else None
    plane = _attempt(faults, lambda: layout.read_plane(frame))
    if calibrations is None or points is None or faults:
        raise DataError(faults)
    return _Sources(calibrations, sizes, points, labels, plane)


def _make_entry(frame: FrameFiles, sources: _Sources, request: ConvertRequest) -> dict[str, Any]:
    """Write the reduced points of a frame and make its entry of ``data_list``."""
    main, (height, width) = sources.calibrations[sources.main], sources.sizes_px[sources.main]
    if not is_rotation(main.lidar2cam):
        where, hint = str(frame.calibration), "it is damaged or mirrored; take the frame's original file"
        raise DataError("from the LiDAR to the camera is no rotation", where=where, hint=hint)
    seen = visible_mask(sources.points[:, :3], main.lidar2img, height_px=height, width_px=width)
    if not seen.any():
        where, hint = str(frame.calibration), "calibration, image and point file do not belong together"
        raise DataError("no LiDAR point projects into the image", where=where, hint=hint)
    points = sources.points[seen]
    placed = request.layout.place(sources.labels, main) if sources.labels else None
    reduced = request.output_dir / frame.part / Path(request.convention.pts).name / f"{frame.name}.bin"
    reduced.parent.mkdir(parents=True, exist_ok=True)
    reduced.write_bytes(points.astype("<f4").tobytes())
    return {
        "name": frame.name,
        "sample_idx": frame.sample_idx,
        "sequence": frame.sequence,
        "lidar_points": {
            "lidar_path": os.path.relpath(reduced, request.output_dir / request.convention.pts),
            "num_pts_feats": points.shape[1],
        },
        "images": {camera: _camera_entry(frame, camera, sources, request) for camera in frame.images},
        "instances": _instances(frame, sources.labels, placed, points),
        "annotations": _annotations(sources.labels, placed),
        "plane": sources.plane,
    }


def _camera_entry(
    frame: FrameFiles, camera: str, sources: _Sources, request: ConvertRequest
) -> dict[str, Any]:
    calibration, (height, width) = sources.calibrations[camera], sources.sizes_px[camera]
    images_dir = request.layout.root_dir / request.convention.img
    return {
        "img_path": os.path.relpath(frame.images[camera], images_dir),
        "height": height,
        "width": width,
        "cam2img": calibration.cam2img.tolist(),
        "lidar2cam": calibration.lidar2cam.tolist(),
        "lidar2img": calibration.lidar2img.tolist(),
    }


def _attempt(faults: list[Fault], read: Callable[[], _Part]) -> _Part | None:
    try:
        return read()
    except DataError as error:
        faults += error.faults
        return None


def _instances(
    frame: FrameFiles, labels: Labels | None, placed: PlacedBoxes | None, points: NDArray[np.float32]
) -> list[dict[str, Any]]:
    if labels is None or placed is None:
        return []
    rows = [row for row, name in enumerate(labels.names) if name.lower() in _PERSON_NAMES]
    if (labels.boxes[rows, 3:6] <= 0).any():
        where, hint = str(frame.labels), "mend the label; use DontCare for what has no box"
        raise DataError("a person's dimensions are not positive", where=where, hint=hint)
    counts = points_in_boxes(points, placed.lidar[rows]).sum(axis=0)
    return [
        {
            "bbox_label_3d": 0,
            "bbox_3d": placed.lidar[row].tolist(),
            "bbox": labels.boxes_2d[row].tolist(),
            "truncated": float(labels.truncated[row]),
            "occluded": int(labels.occluded[row]),
            "alpha": float(labels.alpha[row]),
            "num_lidar_pts": int(count),
        }
        for row, count in zip(rows, counts, strict=True)
    ]


def _annotations(labels: Labels | None, placed: PlacedBoxes | None) -> dict[str, list[Any]] | None:
    if labels is None or placed is None:
        return None
    return {
        "name": list(labels.names),
        "truncated": labels.truncated.tolist(),
        "occluded": labels.occluded.tolist(),
        "alpha": labels.alpha.tolist(),
        "bbox": labels.boxes_2d.tolist(),
        "dimensions": placed.camera[:, 3:6].tolist(),
        "location": placed.camera[:, :3].tolist(),
        "rotation_y": placed.camera[:, 6].tolist(),
    }
