"""How much faster a data set is converted by two processes than by one, on the same frames in one run.

    python benchmarks/conversion.py [--frames 600] [--root KITTI] [--repeats 3]

Without ``--root`` street scenes are generated, each laid down several times, with sweeps of KITTI's size.
Both runs do all of it: read, reduce, write, check. The files must come out equal, byte for byte.

The ratio of wall clocks needs two cores that nobody else uses. The ratio of processor times does not: it sets
the time of one process against that of the parent, which is not shared, and half that of its children.
Matrix products keep to one thread: one process is to mean one core.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when numpy is imported

import argparse
import contextlib
import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bevfusion.data.convert import ConvertRequest, convert_dataset
from bevfusion.data.kitti import KittiLayout
from bevfusion.demo import write_dataset

GOAL = 1.8
SCENES = 60
TURNS = 10  # a generated sweep looks 100 degrees wide ahead and has 11,500 points, KITTI's 120,000 all round


def lay_out(root: Path, frames: int) -> None:
    """Turn a sweep round its place until it has as many points as KITTI's, and repeat the frames."""
    write_dataset(root, frames=SCENES, progress=False)
    names = [f"{number:06d}" for number in range(SCENES)]
    for name in names:
        path = root / "training/velodyne" / f"{name}.bin"
        points = np.fromfile(path, dtype="<f4").reshape(-1, 4)
        angles = np.linspace(0, 2 * np.pi, TURNS, endpoint=False)
        turns = [np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]], np.float32) for a in angles]
        np.concatenate([np.c_[points[:, :2] @ turn, points[:, 2:]] for turn in turns]).tofile(path)
    numbers = [f"{number:06d}" for number in range(frames)]
    for path in list((root / "training").glob("*/*")):
        for number in numbers[SCENES + int(path.stem) :: SCENES]:
            os.link(path, path.with_stem(number))
    for split in ("train", "val", "test"):
        (root / "ImageSets" / f"{split}.txt").write_text("\n".join(numbers if split == "train" else ()))


@dataclass(frozen=True)
class Run:
    """Seconds of one conversion: by the clock, and of processors in the parent and in all its children."""

    wall_s: float
    parent_s: float
    children_s: float


def children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def convert(root: Path, out: Path, workers: int) -> Run:
    """Convert once, into a folder of its own."""
    request = ConvertRequest(KittiLayout(root), out, workers=workers)
    started = time.perf_counter(), time.process_time(), children_seconds()
    with Path(os.devnull).open("w") as silence, contextlib.redirect_stderr(silence):
        reports = convert_dataset(request)
    ended = time.perf_counter(), time.process_time(), children_seconds()
    run = Run(*(end - start for start, end in zip(started, ended, strict=True)))
    frames = sum(report.frames for report in reports.values())
    print(
        f"{workers} process(es): {frames} frames in {run.wall_s:.2f} s;"
        f" processors {run.parent_s:.2f} s in the parent, {run.children_s:.2f} s in children"
    )
    return run


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=600)
    parser.add_argument("--root", type=Path, help="a KITTI folder instead of generated scenes")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = options.root or Path(folder) / "data"
        if options.root is None:
            lay_out(root, options.frames)
        runs = [
            {workers: convert(root, Path(folder) / f"{run}_by_{workers}", workers) for workers in (1, 2)}
            for run in range(options.repeats)
        ]
        assert content(Path(folder) / "0_by_1") == content(Path(folder) / "0_by_2")
    one, two = (min(run[workers].wall_s for run in runs) for workers in (1, 2))
    print(f"wall clock: one {one:.2f} s, two {two:.2f} s (best of each): {one / two:.2f} x, goal {GOAL} x")
    alone = min(run[1].parent_s for run in runs)
    shared = min(run[2].parent_s + run[2].children_s / 2 for run in runs)
    print(f"processors: one {alone:.2f} s, two {shared:.2f} s (best of each): {alone / shared:.2f} x")


if __name__ == "__main__":
    main()
