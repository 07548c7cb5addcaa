"""Which files make up a split, read off a spec in one place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bevfusion.data.infos import CONVERT_HINT, Infos
from bevfusion.errors import DataError
from bevfusion.spec.conventions import CONVENTIONS
from bevfusion.spec.dataset import SplitSpec
from bevfusion.spec.experiment import ExperimentSpec

__all__ = ["SplitFiles", "convert_again_hint", "convert_hint", "split_files"]


@dataclass(frozen=True)
class SplitFiles:
    """Where one split lies.

    Attributes:
        ann_file: info file.
        root_dir: data root.
        pts_prefix: points folder, see :meth:`bevfusion.data.infos.Infos.points_dir`.
        img_prefix: images folder under the root, or absolute.
        camera: which image of a frame comes first.
        num_views: how many images of a frame are taken.
    """

    ann_file: Path
    root_dir: Path
    pts_prefix: str = "training/velodyne_reduced"
    img_prefix: str = "training/image_2"
    camera: str = "CAM2"
    num_views: int = 1

    def choose_cameras(self, infos: Infos) -> tuple[str, ...]:
        """Which cameras of the frames are taken, the main one first.

        Raises:
            DataError: a frame lacks the main camera, or there are fewer cameras than are asked for.
        """
        for frame in infos.frames:
            if self.camera not in frame.cameras:
                message = f"frame {frame.name} has no camera {self.camera}, it has {list(frame.cameras)}"
                raise DataError(message, where=str(infos.path), hint="change dataset.default_cam_key")
            if len(frame.cameras) < self.num_views:
                message = f"frame {frame.name} has {list(frame.cameras)}, {self.num_views} cameras are wanted"
                hint = f"convert with num_views={self.num_views}, or change dataset.num_views"
                raise DataError(message, where=str(infos.path), hint=hint)
        others = dict.fromkeys(key for frame in infos.frames for key in frame.cameras if key != self.camera)
        return (self.camera, *others)[: self.num_views]


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
    convention = CONVENTIONS[spec.dataset.type]
    return SplitFiles(
        ann_file,
        root_dir,
        pts_prefix=part.data_prefix.pts or convention.pts,
        img_prefix=part.data_prefix.img or convention.img,
        camera=spec.dataset.default_cam_key or convention.default_cam_key,
        num_views=spec.dataset.num_views,
    )


def convert_hint(root_dir: str | Path) -> str:
    """The command that makes info files for a data root."""
    return CONVERT_HINT.replace("ROOT", str(root_dir)) if root_dir else CONVERT_HINT


def convert_again_hint(stale: Path, root_dir: str | Path) -> str:
    """How to replace an info file that is there: a data root is searched before the jobs that converted it.

    Args:
        stale: the info file; a new one elsewhere would not be found before it.
        root_dir: data root; empty means the folder of the info file.
    """
    again = convert_hint(root_dir or stale.parent).replace(" first:", ":")
    return f"remove {stale}, which would be found first, and {again}"
