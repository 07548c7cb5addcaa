"""One training and one evaluation step of the full default spec: Swin-T, 1408 x 1600 grid, 256 x 704 image.

    KITTI_SAMPLE_DIR=... python benchmarks/full_spec_step.py

Prints seconds, peak memory and whether every loss, gradient and detection is finite, for one real frame.
"""

from __future__ import annotations

import logging
import os
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

import torch
import yaml

from bevfusion.actions import dataset_convert
from bevfusion.build import build_model
from bevfusion.data.dataset import open_split
from bevfusion.model import register
from bevfusion.spec import ConvertSpec, ExperimentSpec, load_spec


def peak_gib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def default_spec(folder: Path, sample: Path) -> ExperimentSpec:
    """The schema's defaults on the sample; nothing but paths is set."""
    root = folder / "data"
    shutil.copytree(sample / "training", root / "training")
    shutil.copytree(sample / "ImageSets", root / "ImageSets")
    dataset_convert.run(ConvertSpec(root_dir=str(root), results_dir=str(root)))
    parts = {
        f"{part}_dataset": {"ann_file": str(root / f"kitti_person_infos_{part}.pkl")}
        for part in ("train", "val")
    }
    path = folder / "spec.yaml"
    path.write_text(yaml.safe_dump({"results_dir": str(folder), "dataset": {"root_dir": str(root), **parts}}))
    return load_spec(path)


def main() -> None:
    sample = os.environ.get("KITTI_SAMPLE_DIR")
    if not sample:
        sys.exit("set KITTI_SAMPLE_DIR to a folder with training/ and ImageSets/ of KITTI")
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory() as folder:
        spec = default_spec(Path(folder), Path(sample))
        register()
        torch.manual_seed(0)
        model = build_model(spec)
        batch = {
            key: [value]
            for key, value in open_split(spec, spec.dataset.train_dataset, augment=True)[0].items()
        }
        batch["inputs"] = {key: [value] for key, value in batch["inputs"][0].items()}
        parameters = sum(parameter.numel() for parameter in model.parameters())
        print(f"{parameters / 1e6:.1f} M parameters, {peak_gib():.1f} GiB before the step")

        started = time.perf_counter()
        losses = model(**model.data_preprocessor(batch, training=True), mode="loss")
        total = sum(value for name, value in losses.items() if "loss" in name)
        total.backward()
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        finite = torch.isfinite(total).item() and all(torch.isfinite(g).all().item() for g in gradients)
        print(
            f"training step: {time.perf_counter() - started:.1f} s, loss {total.item():.2f}, finite: {finite}"
        )

        model.eval()
        started = time.perf_counter()
        with torch.no_grad():
            (result,) = model(**model.data_preprocessor(batch), mode="predict")
        boxes = result.pred_instances_3d.bboxes_3d.tensor
        finite = torch.isfinite(boxes).all().item()
        print(f"evaluation step: {time.perf_counter() - started:.1f} s, {len(boxes)} boxes, finite: {finite}")
        print(f"peak memory {peak_gib():.1f} GiB")


if __name__ == "__main__":
    main()
