"""The action ``dataset_convert``: a data set's folders become info files, which are then checked."""

from __future__ import annotations

import logging
from pathlib import Path

from rich.console import Console

from bevfusion.data.convert import ConvertRequest, convert_kitti
from bevfusion.data.inspection import SplitReport, inspect_split, report_table
from bevfusion.errors import DataError, Fault, SpecError
from bevfusion.spec.actions import ConvertSpec
from bevfusion.status import Phase, StatusWriter

__all__ = ["run"]

_log = logging.getLogger(__name__)

# Options of other layouts: doing as if they were heard would be worse than refusing.
_KITTI_VALUES = {
    "with_plane": False,
    "per_sequence": False,
    "is_synthetic": False,
    "merge_only": False,
    "sequence_list": None,
    "dimension_order": "hwl",
}


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
        reports = _convert_and_check(request)
    except DataError as error:
        if status:
            status.write(Phase.FAILURE, str(error.faults[0]))
        raise
    if status:
        counts = {f"{report.split}_frames": float(report.frames) for report in reports}
        persons = {f"{report.split}_persons": float(len(report.box_ious)) for report in reports}
        status.write(Phase.SUCCESS, "converted and checked", kpi=counts | persons)


def _convert_and_check(request: ConvertRequest) -> list[SplitReport]:
    try:
        written = convert_kitti(request)
    except OSError as error:
        hint = "make room, or choose another results_dir"
        raise DataError(
            f"cannot be written ({error.strerror})", where=str(error.filename), hint=hint
        ) from error
    reports = [inspect_split(path, request.root_dir, workers=request.workers) for path in written.values()]
    Console().print(report_table(reports))
    for warning in (warning for report in reports for warning in report.warnings):
        _log.warning("%s", warning)
    if request.mode == "training" and "test" not in written:
        _log.warning("no test split: a winner and its figures will come from the same frames")
    if faults := [fault for report in reports for fault in report.faults]:
        for path in written.values():
            path.unlink()  # nobody shall train on what is known to be wrong
        raise DataError(faults)
    return reports


def _request(spec: ConvertSpec) -> ConvertRequest:
    faults = []
    if spec.dataset != "kitti":
        faults.append(Fault(f"layout {spec.dataset!r} is not supported", "dataset", "supported: kitti"))
    for key, kitti_value in _KITTI_VALUES.items():
        if (found := getattr(spec, key)) != kitti_value:
            hint = f"leave it at {kitti_value!r}"
            faults.append(Fault(f"{found!r} has no meaning for the layout kitti", key, hint))
    if not spec.root_dir:
        faults.append(Fault("no data root given", "root_dir", "add root_dir=FOLDER"))
    if faults:
        raise SpecError(faults)
    return ConvertRequest(
        root_dir=Path(spec.root_dir),
        output_dir=Path(spec.results_dir or spec.root_dir),
        prefix=spec.output_prefix or "kitti_person",
        mode=spec.mode,
    )
