"""Which files make up a split, read off a spec in one place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bevfusion.data.infos import CONVERT_HINT
from bevfusion.errors import DataError
from bevfusion.spec.dataset import SplitSpec
from bevfusion.spec.experiment import ExperimentSpec

__all__ = ["SplitFiles", "convert_hint", "split_files"]


@dataclass(frozen=True)
class SplitFiles:
    """Where one split lies.

    Attributes:
        ann_file: info file.
        root_dir: data root.
        pts_prefix: points folder, see :meth:`bevfusion.data.infos.Infos.points_dir`.
        img_prefix: images folder under the root, or absolute.
        camera: which image of a frame.
    """

    ann_file: Path
    root_dir: Path
    pts_prefix: str = "training/velodyne_reduced"
    img_prefix: str = "training/image_2"
    camera: str = "CAM2"


def split_files(spec: ExperimentSpec, part: SplitSpec) -> SplitFiles:
    """Find the files of one part of ``spec.dataset``; an empty data root is the folder of the info file.

    Raises:
        DataError: no info file is named.
    """
    if not part.ann_file:
        where = "dataset: ann_file"
        raise DataError("no info file given", where=where, hint=convert_hint(spec.dataset.root_dir))
    ann_file = Path(part.ann_file)
    root_dir = Path(spec.dataset.root_dir or ann_file.parent)
    return SplitFiles(
        ann_file, root_dir, part.data_prefix.pts, part.data_prefix.img, spec.dataset.default_cam_key
    )


def convert_hint(root_dir: str | Path) -> str:
    """The command that makes info files for a data root."""
    return CONVERT_HINT.replace("ROOT", str(root_dir)) if root_dir else CONVERT_HINT
