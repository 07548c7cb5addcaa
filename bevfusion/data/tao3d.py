"""TAO's layout of sequences (``TAO3DDataset``, ``TAO3DSyntheticDataset``): its folders and text files.

======================  ============================================  =================================
..                      recorded                                      synthetic
======================  ============================================  =================================
frame of the boxes      LiDAR                                         camera that looks along -z (y up)
labelled position       middle of the box                             middle of its bottom
sizes                   in ``dimension_order``                        length, width, height
angles                  radians: rx ry rz, or the yaw alone           degrees: rx ry rz
2D box                  left top right bottom                         right left bottom top
LiDAR to camera         line 1, columns of a matrix that multiplies   line 1, its transpose
                        column vectors
fx fy cx cy             line 2                                        line 5
======================  ============================================  =================================

The lines of a ``calib`` file are told apart by their number, as TAO does; the first word of each is its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bevfusion.data.layout import Calibration, FrameFiles, Labels, PlacedBoxes, find_points, part_of
from bevfusion.data.text_files import numbered_lines, parse_floats, read_names
from bevfusion.errors import DataError, Fault
from bevfusion.geometry.boxes import lidar7_to_camera7, move_boxes, upright_boxes
from bevfusion.geometry.frames import euler_from_rotation, invert_rigid, rotation_from_euler

__all__ = ["DIMENSION_ORDERS", "Tao3dLayout"]

DIMENSION_ORDERS = ("hwl", "lwh", "lhw")
# From the axes of a renderer's camera (y up, looking along -z) to those of a computer vision one.
_FLIP = np.diag([1.0, -1.0, -1.0, 1.0])
_YAW_FIELDS, _ANGLES_FIELDS, _SCORED_FIELDS = 15, 17, 18


@dataclass(frozen=True)
class Tao3dLayout:
    """``training/{lidar,images,calib,labels}/<sequence>/<frame>`` and, where it is there, ``testing``.

    Attributes:
        root_dir: data root.
        is_synthetic: which of the two conventions the files follow.
        dimension_order: what the three sizes of a recorded label are, one of ``DIMENSION_ORDERS``.
        sequence_list: file with the names of the sequences, one a line; None means
            ``ImageSets/<split>.txt``.
    """

    root_dir: Path
    is_synthetic: bool = False
    dimension_order: str = "hwl"
    sequence_list: Path | None = None

    @property
    def dataset_type(self) -> str:
        """One of the two types, by the convention."""
        return "TAO3DSyntheticDataset" if self.is_synthetic else "TAO3DDataset"

    def list_file(self, split: str) -> Path:
        """The list of sequences."""
        return self.sequence_list or self.root_dir / "ImageSets" / f"{split}.txt"

    def list_sequences(self, split: str) -> tuple[str, ...]:
        """Names of the sequences in the order of the list.

        Raises:
            DataError: a name that is no folder's, or is listed twice, or a given list that is not there.
        """
        if self.sequence_list and not self.sequence_list.is_file():
            raise DataError("no such file", where=str(self.sequence_list), hint="check sequence_list")
        hint = "write the name of a folder under images"
        return tuple(read_names(self.list_file(split), kind="sequence", hint=hint))

    def list_frames(self, split: str) -> list[FrameFiles]:
        """Frames of all sequences, each in the order of its names; a frame is an image.

        Raises:
            DataError: a sequence without images, or a name that is listed twice.
        """
        part = part_of(self.root_dir, split)
        faults, found = [], list[tuple[str, str]]()
        for sequence in self.list_sequences(split):
            images = self.root_dir / part / "images" / sequence
            frames = sorted(path.stem for path in images.glob("*.png"))
            if not frames:
                hint = f"restore it, or remove the sequence from {self.list_file(split)}"
                faults.append(Fault(f"sequence {sequence} has no .png images", str(images), hint))
            found += [(sequence, frame) for frame in frames]
        if faults:
            raise DataError(faults)
        labels = self.root_dir / part / "labels"
        is_labelled = split != "test" or any((labels / f"{seq}/{frame}.txt").exists() for seq, frame in found)
        return [
            self._files(part, sequence, frame, sample_idx=index, is_labelled=is_labelled)
            for index, (sequence, frame) in enumerate(found)
        ]

    def _files(
        self, part: str, sequence: str, frame: str, *, sample_idx: int, is_labelled: bool
    ) -> FrameFiles:
        folder = self.root_dir / part
        return FrameFiles(
            name=f"{sequence}/{frame}",
            sample_idx=sample_idx,
            part=part,
            sequence=sequence,
            points=find_points(folder / "lidar" / sequence, frame, suffixes=(".npy", ".bin")),
            images={"CAM0": folder / "images" / sequence / f"{frame}.png"},
            calibration=folder / "calib" / sequence / f"{frame}.txt",
            labels=folder / "labels" / sequence / f"{frame}.txt" if is_labelled else None,
        )

    def read_calibrations(self, frame: FrameFiles) -> dict[str, Calibration]:
        """Read the calibration of the one camera.

        Raises:
            DataError: a line is missing, does not hold its numbers, or is written in the other convention.
        """
        path = frame.calibration
        lines = dict(numbered_lines(path))
        intrinsics_line = 5 if self.is_synthetic else 2
        faults = list[Fault]()
        matrix = _numbers_of_line(path, lines, faults, number=1, count=16)
        intrinsics = _numbers_of_line(path, lines, faults, number=intrinsics_line, count=4)
        if matrix is not None:
            matrix = matrix.reshape(4, 4).T if self.is_synthetic else matrix.reshape(4, 4)
            if not np.allclose(matrix[3], [0, 0, 0, 1]):
                hint = "recorded data have the translation in the last column, synthetic ones in the last row"
                message = f"{matrix[3].tolist()} stands where 0 0 0 1 belongs"
                faults.append(Fault(message, f"{path}:1", f"{hint}: check is_synthetic"))
        if intrinsics is not None and min(intrinsics[:2]) <= 0:
            message = f"focal lengths {intrinsics[:2].tolist()} are not positive"
            faults.append(Fault(message, f"{path}:{intrinsics_line}", "write fx fy cx cy in pixels"))
        if matrix is None or intrinsics is None or faults:
            raise DataError(faults)
        cam2img = np.eye(4)
        cam2img[[0, 1, 0, 1], [0, 1, 2, 2]] = intrinsics[:4]
        return {"CAM0": Calibration(cam2img, _FLIP @ matrix if self.is_synthetic else matrix)}

    def read_labels(self, path: Path) -> Labels:
        """Read the objects of one frame; any class name is fine.

        Returns:
            Boxes are lidar 9 of :mod:`bevfusion.geometry.boxes`, those of synthetic data in the frame of the
            camera (y down) instead of the LiDAR's.

        Raises:
            DataError: missing file, a line with another number of fields, or a number that is none.
        """
        names, rows, faults = [], [], []
        for line, text in numbered_lines(path):
            name, *fields = text.split()
            values = parse_floats(fields)
            if fault := self._label_fault(len(fields) + 1):
                faults.append(Fault(fault.message, f"{path}:{line}", fault.hint))
            elif values is None:
                hint = "mend or remove the line"
                faults.append(Fault("a field is not a finite number", f"{path}:{line}", hint))
            else:
                names.append(name)
                rows.append(_with_three_angles(values))
        if faults:
            raise DataError(faults)
        table = np.array(rows, dtype=np.float64).reshape(-1, _ANGLES_FIELDS - 1)
        return Labels(
            tuple(names),
            truncated=table[:, 0],
            occluded=table[:, 1].astype(np.int64),
            alpha=table[:, 2],
            boxes_2d=table[:, [4, 6, 3, 5]] if self.is_synthetic else table[:, 3:7],
            boxes=self._boxes(table[:, 7:10], table[:, 10:13], table[:, 13:16]),
        )

    def read_plane(self, frame: FrameFiles) -> tuple[float, ...] | None:  # noqa: ARG002 - of the protocol
        """None: the layout has no ground planes."""
        return None

    def place(self, labels: Labels, calibration: Calibration) -> PlacedBoxes:
        """Bring boxes into both frames; they are scored upright, as the detector's are."""
        lidar2cam = calibration.lidar2cam
        lidar = move_boxes(labels.boxes, invert_rigid(lidar2cam)) if self.is_synthetic else labels.boxes
        return PlacedBoxes(lidar, lidar7_to_camera7(upright_boxes(lidar), lidar2cam))

    def _label_fault(self, field_count: int) -> Fault | None:
        counts = (_YAW_FIELDS,) * (not self.is_synthetic) + (_ANGLES_FIELDS, _SCORED_FIELDS)
        if field_count in counts:
            return None
        kind = "synthetic" if self.is_synthetic else "recorded"
        allowed = " or ".join(map(str, counts))
        return Fault(f"{field_count} fields, a {kind} label has {allowed}", hint="mend or remove the line")

    def _boxes(
        self, sizes: NDArray[np.float64], places: NDArray[np.float64], angles: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        if self.is_synthetic:
            turned = _FLIP[:3, :3] @ rotation_from_euler(np.radians(angles))
            return np.concatenate([places @ _FLIP[:3, :3], sizes, euler_from_rotation(turned)], axis=1)
        sizes = sizes[:, [self.dimension_order.index(edge) for edge in "lwh"]]
        up = rotation_from_euler(angles)[:, :, 2]
        return np.concatenate([places - up * sizes[:, 2:] / 2, sizes, angles], axis=1)


def _numbers_of_line(
    path: Path, lines: dict[int, str], faults: list[Fault], *, number: int, count: int
) -> NDArray[np.float64] | None:
    values = parse_floats(lines.get(number, "").split()[1:])
    if values is not None and len(values) == count:
        return values
    found = repr(lines.get(number, ""))
    faults.append(
        Fault(f"needs a name and {count} numbers, found {found}", f"{path}:{number}", "mend the line")
    )
    return None


def _with_three_angles(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Numbers of a line without the score, and with roll and pitch where the yaw alone is given."""
    if len(values) == _YAW_FIELDS - 1:
        return np.insert(values, -1, [0.0, 0.0])
    return values[: _ANGLES_FIELDS - 1]
