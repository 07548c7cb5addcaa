"""Frames as a car records them: point clouds, images and calibrations in one folder, no lists, no labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bevfusion.data.convert import ConvertRequest, convert_dataset
from bevfusion.data.kitti import KittiLayout
from bevfusion.data.layout import FrameFiles, find_points
from bevfusion.errors import DataError, Fault, SpecError
from bevfusion.spec.experiment import ExperimentSpec

__all__ = ["FramesFolder", "convert_folder", "is_frames_folder"]

_POINTS, _IMAGES, _CALIBRATIONS = "velodyne", "image_2", "calib"
_POINT_SUFFIXES = (".bin", ".npy")
_IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg")


def is_frames_folder(spec: ExperimentSpec) -> bool:
    """Whether a spec names no info file to test on, but a data root that holds frames itself."""
    root = Path(spec.dataset.root_dir)
    is_named = bool(spec.dataset.root_dir) and not spec.dataset.test_dataset.ann_file
    return is_named and (root / _POINTS).is_dir() and (root / _CALIBRATIONS).is_dir()


def convert_folder(spec: ExperimentSpec) -> ExperimentSpec:
    """Convert the folder of a spec into ``<results_dir>/frames``; the spec that reads what was written.

    Raises:
        SpecError: the data set is of another type, or several processes would convert it at once.
        DataError: everything that is wrong with the frames.
    """
    if faults := [*_misuses(spec)]:
        raise SpecError(faults)
    request = ConvertRequest(
        layout=FramesFolder(Path(spec.dataset.root_dir)),
        output_dir=Path(spec.results_dir) / "frames",
        splits=("test",),
    )
    request.output_dir.mkdir(parents=True, exist_ok=True)
    convert_dataset(request)
    part = replace(spec.dataset.test_dataset, ann_file=str(request.info_path("test")))
    return replace(spec, dataset=replace(spec.dataset, test_dataset=part))


def _misuses(spec: ExperimentSpec) -> Iterator[Fault]:
    section = spec.inference
    if section.num_gpus * section.num_nodes > 1:
        hint = "set it to 1, or convert the frames first with dataset_convert and mode=testing"
        message = f"a folder of frames is read by one process, not by {section.num_gpus * section.num_nodes}"
        yield Fault(message, "inference.num_gpus", hint)
    if spec.dataset.type != FramesFolder.dataset_type:
        hint = f"use {FramesFolder.dataset_type}, or convert the frames first with dataset_convert"
        yield Fault(f"a folder of frames is not a {spec.dataset.type}", "dataset.type", hint)


@dataclass(frozen=True)
class FramesFolder(KittiLayout):
    """``velodyne/<frame>.bin`` (or ``.npy``), ``image_2/<frame>.png`` (or ``.jpg``), ``calib/<frame>.txt``.

    Every point cloud is a frame of the split ``test``, whatever it is called.
    """

    def list_file(self, split: str) -> Path:  # noqa: ARG002 - of the protocol
        """The folder of the point clouds: it is the list."""
        return self.root_dir / _POINTS

    def list_frames(self, split: str) -> list[FrameFiles]:
        """Frames in the order of their names.

        Raises:
            DataError: there is none, or a frame has two point files.
        """
        folder = self.list_file(split)
        names = sorted({path.stem for path in folder.iterdir() if path.suffix in _POINT_SUFFIXES})
        if not names:
            hint = "dataset.root_dir is a folder with velodyne, image_2 and calib"
            raise DataError("holds no point file *.bin or *.npy", where=str(folder), hint=hint)
        return [self._frame(name, number) for number, name in enumerate(names)]

    def _frame(self, name: str, number: int) -> FrameFiles:
        return FrameFiles(
            name=name,
            sample_idx=number,
            part="training",
            sequence="",
            points=find_points(self.root_dir / _POINTS, name, suffixes=_POINT_SUFFIXES),
            images={"CAM2": self._image(name)},
            calibration=self.root_dir / _CALIBRATIONS / f"{name}.txt",
            labels=None,
        )

    def _image(self, name: str) -> Path:
        paths = [self.root_dir / _IMAGES / f"{name}{suffix}" for suffix in _IMAGE_SUFFIXES]
        return next((path for path in paths if path.is_file()), paths[0])
