"""The action ``dataset_convert``: a data set's folders become info files, which are then checked."""

from __future__ import annotations

import logging
from pathlib import Path

from rich.console import Console

from bevfusion.data.convert import ConvertRequest, convert_kitti
from bevfusion.data.inspection import SplitReport, inspect_split, report_table
from bevfusion.errors import BevfusionError, DataError, SpecError
from bevfusion.spec.actions import ConvertSpec
from bevfusion.spec.checks import check_convert
from bevfusion.status import Phase, StatusWriter


__all__ = ["run"]

_log = logging.getLogger(__name__)


def run(spec: ConvertSpec) -> None:
    """Convert a data set.

    Args:
        spec: what to convert. Files go to ``results_dir`` if that is given, else into ``root_dir``; a status file
            is written into a ``results_dir`` of its own only.

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
    except BevfusionError as error:
        if status:
            status.write(Phase.FAILURE, str(error.faults[0]))
        raise
    if status:
        counts = {f"{report.split}_frames": float(report.frames) for report in reports}
        persons = {f"{report.split}_persons": float(len(report.box_ious)) for report in reports}
        status.write(Phase.SUCCESS, "converted and checked", kpi=counts | persons)


def _convert_and_check(request: ConvertRequest) -> list[SplitReport]:
    written = convert_kitti(request)
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
    if faults := check_convert(spec):
        raise SpecError(faults)
    return ConvertRequest(
        root_dir=Path(spec.root_dir),
        output_dir=Path(spec.results_dir or spec.root_dir),
        prefix=spec.output_prefix or "kitti_person",
        mode=spec.mode,
    )
