"""Refuses a job whose data cannot work, before anything heavy is imported or a GPU is taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from bevfusion.data.frames_folder import is_frames_folder
from bevfusion.data.infos import Infos, locate, read_infos
from bevfusion.data.object_sampling import ObjectSampler
from bevfusion.data.objects import objects_path, read_objects
from bevfusion.data.splits import SplitFiles, convert_again_hint, convert_hint, split_files
from bevfusion.errors import DataError, Fault
from bevfusion.spec.experiment import ExperimentSpec

__all__ = ["Inspection", "check_inputs", "inspect_inputs"]

_PARTS_OF_ACTION = {
    "train": ("train_dataset", "val_dataset", "test_dataset"),
    "evaluate": ("test_dataset",),
    "inference": ("test_dataset",),
}
_MAX_LISTED = 5


@dataclass
class Inspection:
    """What the data of an action are like.

    Attributes:
        faults: what would make the action fail.
        unlabelled: info files, by their key in the spec, whose frames cannot be scored.
        train_frames: frames of the training split, None where it was not read.
        missing_objects: where its object database should be, if it is not there.
    """

    faults: list[Fault] = field(default_factory=list)
    unlabelled: dict[str, Path] = field(default_factory=dict)
    train_frames: int | None = None
    missing_objects: Path | None = None


def check_inputs(spec: ExperimentSpec, action: str) -> list[Fault]:
    """Everything about the data that would make an action fail, none if they can be used."""
    return inspect_inputs(spec, action).faults


def inspect_inputs(spec: ExperimentSpec, action: str) -> Inspection:
    """Look at the data of an action before it starts.

    Reads info files and folder listings only. Checkpoints that it starts from must be there as well.

    Args:
        spec: complete and derived.
        action: ``train`` (train and validation split, and the test split where one is named: a study
            measures its winner there), ``evaluate`` or ``inference`` (test split).
    """
    found = Inspection(faults=list(_checkpoint_faults(spec, action)))
    if action == "inference" and is_frames_folder(spec):
        return found  # looked at frame by frame when it is converted
    for name in _PARTS_OF_ACTION[action]:
        is_kept_for_later = action == "train" and name == "test_dataset"
        if is_kept_for_later and not spec.dataset.test_dataset.ann_file:
            continue
        try:
            files = split_files(spec, getattr(spec.dataset, name))
            infos = read_infos(files.ann_file)
        except DataError as error:
            found.faults += (_info_fault(spec, fault, f"dataset.{name}.ann_file") for fault in error.faults)
            continue
        found.faults += _content_faults(spec, infos)
        found.faults += _file_faults(spec, files, infos)
        if name == "train_dataset":
            found.train_frames = len(infos.frames)
            found.faults += _step_faults(spec, len(infos.frames))
            found.faults += _object_faults(spec, infos)
            path = objects_path(infos.path)
            found.missing_objects = None if path.is_file() else path
        if action != "inference" and _is_unlabelled(infos):
            found.unlabelled[f"dataset.{name}.ann_file"] = infos.path
            if not is_kept_for_later:
                hint = "choose a split with labels; inference needs none"
                found.faults.append(
                    Fault("the frames have no labels to score against", str(infos.path), hint)
                )
    return found


def _checkpoint_faults(spec: ExperimentSpec, action: str) -> Iterator[Fault]:
    if action == "train":
        named = {"train.resume_training_checkpoint_path": spec.train.resume_training_checkpoint_path}
        if not spec.train.resume_training_checkpoint_path:
            backbone = spec.model.img_backbone.init_cfg.checkpoint if spec.input_modality.use_camera else None
            named = {
                "train.pretrained_checkpoint": spec.train.pretrained_checkpoint,
                "model.img_backbone.init_cfg.checkpoint": backbone,
            }
    else:
        named = {f"{action}.checkpoint": getattr(spec, action).checkpoint}
    for key, path in named.items():
        if path and not Path(path).is_file():
            yield Fault(f"there is no file {path}", key, "correct the path, or leave the key out")


def _is_unlabelled(infos: Infos) -> bool:
    return bool(infos.frames) and all(frame.annotations is None for frame in infos.frames)


def _info_fault(spec: ExperimentSpec, fault: Fault, key: str) -> Fault:
    """What is wrong with an info file, or that none is named, with the way to a good one."""
    path, root_dir = Path(fault.where), spec.dataset.root_dir
    if path.suffix != ".pkl":
        return replace(fault, where=key, hint=convert_hint(root_dir))
    is_there = path.is_file()
    hint = convert_again_hint(path, root_dir) if is_there else convert_hint(root_dir or path.parent)
    return replace(fault, hint=hint)


def _content_faults(spec: ExperimentSpec, infos: Infos) -> Iterator[Fault]:
    where = str(infos.path)
    again = convert_again_hint(infos.path, spec.dataset.root_dir)
    if not infos.frames:
        yield Fault("the split has no frames", where, "list frames in ImageSets and convert again")
    if spec.dataset.type != infos.dataset_type:
        message = f"made for {infos.dataset_type}, but dataset.type is {spec.dataset.type}"
        yield Fault(message, where, f"change dataset.type, or {again}")
    if unknown := [name for name in spec.dataset.classes if name not in infos.classes]:
        message = f"classes {unknown} of dataset.classes are not among {list(infos.classes)}"
        yield Fault(message, where, f"change dataset.classes, or {again}")
    wanted = spec.dataset.point_cloud_dim
    if short := [frame for frame in infos.frames if frame.num_features < wanted]:
        first = short[0]
        message = f"points of frame {first.name} have {first.num_features} numbers, {wanted} are wanted"
        yield Fault(message, where, "change dataset.point_cloud_dim, or the point files")


def _file_faults(spec: ExperimentSpec, files: SplitFiles, infos: Infos) -> Iterator[Fault]:
    wanted: list[tuple[str, Path]] = []
    if spec.input_modality.use_lidar:
        points_dir = infos.points_dir(files.root_dir, files.pts_prefix)
        wanted += [("point file", locate(points_dir, frame.lidar_path)) for frame in infos.frames]
    if spec.input_modality.use_camera:
        try:
            cameras = files.choose_cameras(infos)
        except DataError as error:
            yield from error.faults
            return
        images_dir = files.root_dir / files.img_prefix
        wanted += [
            ("image", locate(images_dir, frame.cameras[camera].img_path))
            for frame in infos.frames
            for camera in cameras
        ]
    names = cache(_names_in)
    missing = [(kind, path) for kind, path in wanted if path.name not in names(path.parent)]
    for kind, path in missing[:_MAX_LISTED]:
        again = convert_again_hint(infos.path, files.root_dir)
        hint = f"{infos.path} refers to it: restore it, or {again}"
        yield Fault(f"the {kind} is missing", str(path), hint)
    if len(missing) > _MAX_LISTED:
        rest = len(missing) - _MAX_LISTED
        yield Fault(
            f"{rest} more of {len(wanted)} files are missing", str(infos.path), "check dataset.root_dir"
        )


def _object_faults(spec: ExperimentSpec, infos: Infos) -> Iterator[Fault]:
    key, sampling = "dataset.augmentation.object_sampling", spec.dataset.augmentation.object_sampling
    if not sampling.probability:
        return
    try:
        objects = read_objects(infos.path)
    except DataError as error:
        again = convert_again_hint(infos.path, spec.dataset.root_dir)
        yield from (replace(fault, hint=again) for fault in error.faults)
        return
    if ObjectSampler(objects, sampling, cameras=()).is_empty:
        message = (
            f"none of {len(objects)} objects has {sampling.min_points} points"
            f" and a difficulty up to {sampling.max_difficulty}"
        )
        yield Fault(message, str(objects_path(infos.path)), f"change {key}, or set its probability to 0")
    features = {frame.num_features for frame in infos.frames}
    if len(features) > 1:
        message = f"points of some frames have {min(features)} numbers, of others {max(features)}"
        yield Fault(message, str(infos.path), f"set {key}.probability to 0: they cannot be mixed")


def _names_in(folder: Path) -> frozenset[str]:
    return frozenset(path.name for path in folder.iterdir()) if folder.is_dir() else frozenset()


def _step_faults(spec: ExperimentSpec, frames: int) -> Iterator[Fault]:
    section, train = spec.dataset.train_dataset, spec.train
    processes = train.num_gpus * train.num_nodes
    needed = section.batch_size * processes * train.accumulation
    drawn = frames * (section.repeat_time or 1)
    if frames and needed > drawn:
        message = (
            f"batch size {section.batch_size} x {processes} processes x accumulation {train.accumulation}"
            f" = {needed} frames for one update, an epoch has {drawn}"
        )
        yield Fault(message, "dataset.train_dataset.batch_size", f"lower their product to {drawn} or less")
