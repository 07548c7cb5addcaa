"""Turns a data set's folders into info files and reduced point clouds (points the camera can see)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from bevfusion.data.files import staged
from bevfusion.data.frame_conversion import ConversionTarget, attempt, convert_frame
from bevfusion.data.infos import read_entries, write_infos
from bevfusion.data.inspection import SplitReport, inspect_split, report_views
from bevfusion.data.layout import FrameFiles, Layout
from bevfusion.data.objects import cut_out_objects, write_objects
from bevfusion.data.parallel import map_frames
from bevfusion.errors import DataError, Fault

__all__ = ["SPLITS", "ConvertRequest", "convert_dataset"]

SPLITS = ("train", "val", "test")
_MAX_FAULTS = 20
_SPLIT_OF_OBJECTS = "train"  # objects of other splits have no business in a training


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

    def info_path(self, split: str) -> Path:
        """Info file of one split."""
        return self.output_dir / f"{self.prefix}_infos_{split}.pkl"

    def sequence_path(self, sequence: str) -> Path:
        """Info file of one sequence."""
        return self.output_dir / f"{self.prefix}_sequence_{sequence}.pkl"


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
        with staged(output_dir) as stage, _reading_apart_from(stage):
            yield stage
    except DataError as error:
        raise DataError([_at(output_dir, stage, fault) for fault in error.faults]) from error
    except OSError as error:
        hint = "make room, or choose another results_dir"
        fault = Fault(f"cannot be written ({error.strerror})", str(error.filename or output_dir), hint)
        raise DataError(_at(output_dir, stage, fault)) from error


@contextmanager
def _reading_apart_from(stage: Path) -> Iterator[None]:
    """While the files are made, what fails and lies outside of the stage is a file of the data set."""
    try:
        yield
    except OSError as error:
        if error.filename is None or Path(error.filename).is_relative_to(stage):
            raise
        hint = "see that this account may read it"
        raise DataError(f"cannot be read ({error.strerror})", where=str(error.filename), hint=hint) from error


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
    tasks = [(request.info_path(split), frame) for split, of_split in frames.items() for frame in of_split]
    convert = partial(convert_frame, target=ConversionTarget(request.layout, request.output_dir))
    outcomes = map_frames(convert, tasks, description="converting", workers=request.workers)
    if faults := [fault for outcome in outcomes for fault in outcome.faults]:
        raise DataError(_first(faults))
    ordered, reports = iter(outcomes), dict[str, SplitReport]()
    for split, of_split in frames.items():
        made = list(islice(ordered, len(of_split)))
        entries = [outcome.entry for outcome in made]
        _write_infos(request, entries, split)
        if split == _SPLIT_OF_OBJECTS:
            _write_objects(request, entries, request.output_dir)
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


def _write_objects(request: ConvertRequest, entries: Sequence[dict[str, Any]], points_root: Path) -> None:
    """Cut out the objects of a split whose info file is written and whose points lie under a folder."""
    cut = partial(cut_out_objects, target=ConversionTarget(request.layout, points_root))
    tasks = [entry for entry in entries if entry["instances"]]
    outcomes = map_frames(cut, tasks, description="cutting out objects", workers=request.workers)
    if faults := [fault for _, of_frame in outcomes for fault in of_frame]:
        raise DataError(_first(faults))
    objects = [found for of_frame, _ in outcomes for found in of_frame]
    write_objects(request.info_path(_SPLIT_OF_OBJECTS), objects)


def _join_splits(request: ConvertRequest, to_stage: ConvertRequest) -> dict[str, SplitReport]:
    """Make the info file of each split of those of its sequences, frames numbered anew, and check it."""
    joined: dict[str, list[dict[str, Any]]] = {}
    faults: list[Fault] = []
    for split in request.splits:
        paths = [request.sequence_path(name) for name in request.layout.list_sequences(split)]
        parts = [attempt(faults, partial(read_entries, path)) or [] for path in paths]
        entries = [entry for part in parts for entry in part]
        if paths:
            joined[split] = [entry | {"sample_idx": index} for index, entry in enumerate(entries)]
    if faults:
        hint = "convert with per_sequence=true and merge_only=false first"
        raise DataError([replace(fault, hint=hint) for fault in faults])
    _refuse_empty(request, joined)
    for split, entries in joined.items():
        _write_infos(to_stage, entries, split)
        if split == _SPLIT_OF_OBJECTS:
            _write_objects(to_stage, entries, request.output_dir)
    target = ConversionTarget(request.layout, request.output_dir)
    return {
        split: inspect_split(
            to_stage.info_path(split),
            request.layout.root_dir,
            pts_prefix=str(target.points_dir),
            img_prefix=str(target.images_dir),
            workers=request.workers,
        )
        for split in joined
    }


def _list_frames(request: ConvertRequest) -> dict[str, list[FrameFiles]]:
    faults: list[Fault] = []
    listed = {
        split: attempt(faults, partial(request.layout.list_frames, split)) or [] for split in request.splits
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
