"""Proof of geometry: the tiny LiDAR + camera model must learn a handful of real KITTI frames by heart.

    KITTI_SAMPLE_DIR=... python benchmarks/overfit_kitti.py [--epochs 30]

Prints AP11 on the frames it was trained on. If any frame, matrix or box convention were wrong, real boxes
could not be reproduced to an overlap of one half. Each frame is laid down several times, because KITTI's rule
samples at 41 recall points and cannot reach 100 with fewer labels.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

import yaml

from bevfusion.actions import dataset_convert, train
from bevfusion.spec import ConvertSpec, load_spec

COPIES = 6
SUFFIXES = {"velodyne": ".bin", "image_2": ".png", "calib": ".txt", "label_2": ".txt"}
PROFILE = Path(__file__).parents[1] / "references" / "profile_tiny.yaml"
STILL = {
    "flip_probability": 0.0,
    "rotation_rad": 0.0,
    "scale": 0.0,
    "translation_m": 0.0,
    "image_resize": 0.0,
    "image_rotation_deg": 0.0,
    "image_flip": False,
}


def lay_out(sample: Path, root: Path) -> None:
    """Copy every frame several times under new numbers; the same frames train and are scored."""
    frames = sorted(path.stem for path in (sample / "training" / "label_2").glob("*.txt"))
    numbers = []
    for copy in range(COPIES):
        for frame in frames:
            numbers.append(f"{copy}{frame[1:]}")
            for folder, suffix in SUFFIXES.items():
                target = root / "training" / folder / f"{numbers[-1]}{suffix}"
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(sample / "training" / folder / f"{frame}{suffix}", target)
    (root / "ImageSets").mkdir()
    (root / "ImageSets" / "train.txt").write_text("\n".join(numbers) + "\n")


def write_spec(root: Path, out: Path, epochs: int) -> Path:
    """The tiny profile on these frames, without augmentation."""
    spec = yaml.safe_load(PROFILE.read_text())
    spec["results_dir"] = str(out)
    spec["dataset"] |= {"root_dir": str(root), "augmentation": STILL}
    for part in ("train", "val"):
        spec["dataset"][f"{part}_dataset"]["ann_file"] = str(root / "kitti_person_infos_train.pkl")
    spec["train"] = {"num_epochs": epochs, "validation_interval": 5, "logging_interval": 1000}
    spec["train"]["optimizer"] = {"lr": 3e-3}
    out.mkdir(parents=True)
    path = out / "spec.yaml"
    path.write_text(yaml.safe_dump(spec))
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=30)
    epochs = parser.parse_args().epochs
    sample = os.environ.get("KITTI_SAMPLE_DIR")
    if not sample:
        sys.exit("set KITTI_SAMPLE_DIR to a folder with training/{velodyne,image_2,calib,label_2} of KITTI")
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory() as folder:
        root, out = Path(folder) / "data", Path(folder) / "results"
        lay_out(Path(sample), root)
        dataset_convert.run(ConvertSpec(root_dir=str(root), results_dir=str(root)))
        started = time.perf_counter()
        train.run(load_spec(write_spec(root, out, epochs)))
        seconds = time.perf_counter() - started
        lines = [json.loads(line) for line in (out / "status.json").read_text().splitlines()]
        scores = {line["epoch"]: line["kpi"]["AP11"] for line in lines if "AP11" in line.get("kpi", {})}
    print(f"AP11 (3D, moderate, IoU 0.5) on its own training frames: {scores} after {seconds:.0f} s")


if __name__ == "__main__":
    main()
