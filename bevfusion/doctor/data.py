"""The converted data, seen as the detector will see them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bevfusion.data.checks import check_inputs
from bevfusion.data.infos import read_infos
from bevfusion.data.inspection import SplitReport, inspect_split
from bevfusion.data.splits import convert_hint, split_files
from bevfusion.doctor.check import Check, CheckStatus, failed_by
from bevfusion.doctor.evaluator import check_labels
from bevfusion.spec import ExperimentSpec

__all__ = ["check_data"]

_PARTS = ("train_dataset", "val_dataset", "test_dataset")
_MANY = 0.1
"""Share of boxes that may look odd before a user should look at them."""
_MIN_OVERLAP, _MIN_HEIGHT_OVERLAP = 0.3, 0.8


def check_data(spec: ExperimentSpec) -> Iterator[Check]:
    """Converted files, every sensor, calibration, boxes in images, points in boxes, classes and labels.

    Args:
        spec: complete and derived.
    """
    name = "converted data"
    if not any(getattr(spec.dataset, part).ann_file for part in _PARTS) and not spec.dataset.root_dir:
        remedy = "name the data in the spec: dataset.root_dir and the ann_file of each part"
        yield Check(name, CheckStatus.WARNING, "the spec names no data", remedy)
        return
    if faults := check_inputs(spec, "train"):
        yield failed_by(name, faults)
        return
    parts = {part: getattr(spec.dataset, part) for part in _PARTS}
    named = {part.ann_file: part for part in parts.values() if part.ann_file}
    yield Check(name, CheckStatus.OK, f"{', '.join(named)}, and every file that they name")
    for part in named.values():
        files = split_files(spec, part)
        report = inspect_split(
            files.ann_file, files.root_dir, pts_prefix=files.pts_prefix, img_prefix=files.img_prefix
        )
        yield from _check_part(spec, report, files.ann_file)


def _check_part(spec: ExperimentSpec, report: SplitReport, ann_file: Path) -> Iterator[Check]:
    of_boxes = [fault for fault in report.faults if fault.where == str(ann_file)]
    of_frames = [fault for fault in report.faults if fault not in of_boxes]
    name = f"{report.split} frames"
    found = f"{report.frames} read with every sensor and calibration, {report.empty_frames} show nobody"
    yield failed_by(name, of_frames) if of_frames else Check(name, CheckStatus.OK, found)
    infos = read_infos(ann_file)
    if all(frame.annotations is None for frame in infos.frames):
        remedy = "it can be inferred on, not scored"
        yield Check(f"{report.split} labels", CheckStatus.WARNING, "there are none", remedy)
        return
    name = f"{report.split} boxes in images"
    yield failed_by(name, of_boxes) if of_boxes else _check_overlaps(name, report)
    yield _check_points(f"{report.split} points in boxes", report)
    yield _check_classes(spec, report)
    if report.split != "train":
        yield check_labels(infos, spec.dataset.classes)


def _check_overlaps(name: str, report: SplitReport) -> Check:
    if not len(report.box_ious):
        return Check(name, CheckStatus.WARNING, "no boxes", "label some, or choose other frames")
    area, height = np.median(report.box_ious, axis=0)
    beside = (report.box_ious < (_MIN_OVERLAP, _MIN_HEIGHT_OVERLAP)).any(axis=1).mean()
    found = (
        f"{len(report.box_ious)} 3D boxes project onto their 2D boxes with a median overlap of {area:.2f}, "
        f"in height {height:.2f}; {beside:.0%} lie beside"
    )
    if beside > _MANY:
        return Check(name, CheckStatus.WARNING, found, "look at calibration and labels of these frames")
    return Check(name, CheckStatus.OK, found)


def _check_points(name: str, report: SplitReport) -> Check:
    if not len(report.box_points):
        return Check(name, CheckStatus.WARNING, "no boxes", "label some, or choose other frames")
    hollow = (report.box_points == 0).mean()
    found = f"median {np.median(report.box_points):.0f} points; {hollow:.0%} of the boxes hold none"
    if hollow > _MANY:
        remedy = f"labels and points may be of different moments or frames; {convert_hint('')}"
        return Check(name, CheckStatus.WARNING, found, remedy)
    return Check(name, CheckStatus.OK, found)


def _check_classes(spec: ExperimentSpec, report: SplitReport) -> Check:
    name = f"{report.split} classes"
    found = ", ".join(f"{label} {count}" for label, count in report.class_counts.most_common()) or "no labels"
    if not len(report.box_ious):
        remedy = f"no label means one of dataset.classes, {list(spec.dataset.classes)}"
        return Check(name, CheckStatus.WARNING, found, remedy)
    return Check(name, CheckStatus.OK, found)
