"""The action ``dataset_convert``: a data set's folders become info files, which are then checked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bevfusion.data.convert import ConvertRequest, convert_kitti
from bevfusion.errors import BevfusionError, Fault, SpecError
from bevfusion.status import Phase, StatusWriter

if TYPE_CHECKING:
    from bevfusion.spec.actions import ConvertSpec

__all__ = ["run"]


def run(spec: ConvertSpec) -> None:
    """Convert a data set.

    Args:
        spec: what to convert. Files go to ``results_dir`` if that is given, else into ``root_dir``.

    Raises:
        SpecError: a layout or option that is not supported.
        DataError: everything that is wrong with the data set.
    """
    request = _request(spec)
    status = StatusWriter(Path(spec.results_dir) / "status.json") if spec.results_dir else None
    if status:
        status.write(Phase.STARTED, f"converting {spec.root_dir}")
    try:
        convert_kitti(request)
    except BevfusionError as error:
        if status:
            status.write(Phase.FAILURE, str(error.faults[0]))
        raise
    if status:
        status.write(Phase.SUCCESS, "converted and checked")


def _request(spec: ConvertSpec) -> ConvertRequest:
    """Say no to what cannot be done, rather than do something else."""
    faults = []
    if spec.dataset != "kitti":
        faults.append(Fault(f"layout {spec.dataset!r} is not supported", "dataset", "supported: kitti"))
    only_tao3d = {"per_sequence": False, "is_synthetic": False, "merge_only": False, "sequence_list": None}
    faults += [
        Fault(f"{getattr(spec, key)!r} is for layout tao3d only", key, f"leave it at {default!r} for kitti")
        for key, default in only_tao3d.items()
        if getattr(spec, key) != default
    ]
    if spec.dimension_order != "hwl":
        faults.append(
            Fault(f"{spec.dimension_order!r}, but KITTI labels are h, w, l", "dimension_order", "use hwl")
        )
    if not spec.root_dir:
        faults.append(Fault("no data root given", "root_dir", "give it: root_dir=/path/to/kitti"))
    if faults:
        raise SpecError(faults)
    return ConvertRequest(
        root_dir=Path(spec.root_dir),
        output_dir=Path(spec.results_dir or spec.root_dir),
        prefix=spec.output_prefix or "kitti_person",
        mode=spec.mode,
        with_plane=spec.with_plane,
    )
