"""A KITTI folder of four frames, small enough to be worked out by hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bevfusion.data.convert import ConvertRequest, convert_dataset
from bevfusion.data.kitti import KittiLayout

HEIGHT_PX, WIDTH_PX = 60, 160
CALIBRATION = """P0: 1 0 0 0 0 1 0 0 0 0 1 0
P2: 100 0 80 0 0 100 30 0 0 0 1 0
R0_rect: 1 0 0 0 1 0 0 0 1
Tr_velo_to_cam: 0 -1 0 0 0 0 -1 0 1 0 0 0
"""
# 1.8 m high, at 10 m and 1 m to the right, facing right; its 2D box is the projection of its 3D box.
PERSON = "Pedestrian 0.00 0 -0.10 85.37 27.95 94.87 46.41 1.80 0.50 0.90 1.00 1.60 10.00 0.00"
CAR = "Car 0.00 1 1.50 20.00 25.00 40.00 40.00 1.50 1.60 3.90 -8.00 1.60 20.00 1.57"
DONT_CARE = "DontCare -1 -1 -10 1.00 2.00 9.00 8.00 -1 -1 -1 -1000 -1000 -1000 -10"
LABELS = {"000000": [PERSON, CAR], "000001": [CAR, DONT_CARE], "000002": [PERSON], "000003": [PERSON]}
SPLITS = {"train": ["000000", "000001"], "val": ["000002"], "test": ["000003"]}


def make_points() -> np.ndarray:
    """Ground in front and behind, and twelve points on the person (LiDAR frame)."""
    x, y = np.meshgrid(np.r_[-20:-4:4, 6:40:2], np.arange(-4.0, 5.0, 2.0))
    ground = np.stack([x.ravel(), y.ravel(), np.full(x.size, -1.7), np.full(x.size, 0.1)], axis=1)
    height = np.linspace(-1.5, 0.1, 12)
    person = np.stack([np.full(12, 9.9), np.full(12, -1.0), height, np.full(12, 0.5)], axis=1)
    return np.concatenate([ground, person]).astype(np.float32)


def write_kitti(root: Path) -> Path:
    part = root / "training"
    for folder in (
        root / "ImageSets",
        *(part / name for name in ("velodyne", "image_2", "calib", "label_2")),
    ):
        folder.mkdir(parents=True)
    for split, names in SPLITS.items():
        (root / "ImageSets" / f"{split}.txt").write_text("\n".join(names) + "\n")
    (root / "ImageSets" / "sequences.txt").write_text("000000 0001\n000001 0001\n")
    column, row = np.meshgrid(np.arange(WIDTH_PX), np.arange(HEIGHT_PX))
    pixels = np.stack([column, row, column + row], axis=-1).astype(np.uint8)
    for name, labels in LABELS.items():
        make_points().tofile(part / "velodyne" / f"{name}.bin")
        Image.fromarray(pixels).save(part / "image_2" / f"{name}.png")
        (part / "calib" / f"{name}.txt").write_text(CALIBRATION)
        (part / "label_2" / f"{name}.txt").write_text("\n".join(labels) + "\n")
    return root


def convert(root: Path, out: Path | None = None, **request: Any) -> dict[str, Path]:
    """Convert a KITTI folder in this process; the info file of each split."""
    asked = ConvertRequest(**{"layout": KittiLayout(root), "output_dir": out or root, "workers": 1} | request)
    return {split: asked.info_path(split) for split in convert_dataset(asked)}


@pytest.fixture
def kitti_root(tmp_path: Path) -> Path:
    return write_kitti(tmp_path / "kitti")


@pytest.fixture
def rewrite(kitti_root: Path) -> Callable[[str, str], Path]:
    """Replace a text file of the data set."""

    def replace(name: str, text: str) -> Path:
        path = kitti_root / name
        path.write_text(text)
        return path

    return replace
