"""The action ``dataset_convert``: a data set's folders become info files, which are then checked."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console

from bevfusion.data.convert import SPLITS, ConvertRequest, convert_dataset
from bevfusion.data.inspection import SplitReport, report_table
from bevfusion.data.kitti import KittiLayout
from bevfusion.data.layout import Layout
from bevfusion.data.tao3d import Tao3dLayout
from bevfusion.errors import DataError, Fault, SpecError
from bevfusion.spec.actions import ConvertSpec
from bevfusion.status import Phase, StatusWriter

__all__ = ["run"]

_log = logging.getLogger(__name__)

_SPLITS_OF_MODE = {"training": SPLITS, "validation": ("val",), "testing": ("test",)}
# Options of the other layout: doing as if they were heard would be worse than refusing.
_KITTI_VALUES = {
    "per_sequence": False,
    "is_synthetic": False,
    "merge_only": False,
    "sequence_list": None,
    "dimension_order": "hwl",
}
_TAO3D_VALUES = {"with_plane": False, "num_views": 1}


def run(spec: ConvertSpec) -> None:
    """Convert a data set.

    Args:
        spec: what to convert. Files go to ``results_dir`` if that is given, else into ``root_dir``; only a
            ``results_dir`` of its own receives a status file.

    Raises:
        SpecError: a layout or option that is not supported.
        DataError: everything that is wrong with the data set.
    """
    request = _request(spec)
    is_job = spec.results_dir not in ("", spec.root_dir)
    status = StatusWriter(Path(spec.results_dir) / "status.json") if is_job else None
    if status:
        status.write(Phase.STARTED, f"converting {spec.root_dir}")
    try:
        reports = _convert_and_report(request)
    except DataError as error:
        if status:
            status.write(Phase.FAILURE, str(error.faults[0]))
        raise
    if status:
        counts = {f"{report.split}_frames": report.frames for report in reports}
        persons = {f"{report.split}_persons": len(report.box_ious) for report in reports}
        status.write(Phase.SUCCESS, "converted and checked", kpi=counts | persons)


def _convert_and_report(request: ConvertRequest) -> list[SplitReport]:
    reports = convert_dataset(request)
    Console().print(report_table(list(reports.values())))
    for warning in (warning for report in reports.values() for warning in report.warnings):
        _log.warning("%s", warning)
    if "test" in request.splits and "test" not in reports:
        _log.warning("no test split: a winner and its figures will come from the same frames")
    return list(reports.values())


def _request(spec: ConvertSpec) -> ConvertRequest:
    """Find out what is meant; an option that would not be heard is refused.

    Raises:
        SpecError: options that do not go together.
    """
    is_kitti = spec.dataset == "kitti"
    faults = [*_refused(spec, _KITTI_VALUES if is_kitti else _TAO3D_VALUES)]
    if spec.is_synthetic and spec.dimension_order == "lhw":
        hint = "leave it out"
        faults.append(Fault("sizes of synthetic labels are always l, w, h", "dimension_order", hint))
    if not spec.root_dir:
        faults.append(Fault("no data root given", "root_dir", "add root_dir=FOLDER"))
    if faults:
        raise SpecError(faults)
    return ConvertRequest(
        layout=_kitti(spec) if is_kitti else _tao3d(spec),
        output_dir=Path(spec.results_dir or spec.root_dir),
        prefix=spec.output_prefix or ("kitti_person" if is_kitti else "tao3d"),
        splits=_SPLITS_OF_MODE[spec.mode] if spec.sequence_list is None else _SPLITS_OF_MODE[spec.mode][:1],
        per_sequence=spec.per_sequence,
        merge_only=spec.merge_only,
    )


def _refused(spec: ConvertSpec, only: Mapping[str, Any]) -> Iterator[Fault]:
    for key, value in only.items():
        if (found := getattr(spec, key)) != value:
            message = f"{found!r} has no meaning for the layout {spec.dataset}"
            yield Fault(message, key, f"leave it at {value!r}")


def _kitti(spec: ConvertSpec) -> Layout:
    return KittiLayout(Path(spec.root_dir), num_views=spec.num_views, with_planes=spec.with_plane)


def _tao3d(spec: ConvertSpec) -> Layout:
    return Tao3dLayout(
        Path(spec.root_dir),
        is_synthetic=spec.is_synthetic,
        dimension_order=spec.dimension_order,
        sequence_list=Path(spec.sequence_list) if spec.sequence_list else None,
    )
