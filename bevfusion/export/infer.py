"""Detect objects in a folder of frames: python infer.py FRAMES OUT; FRAMES has velodyne, image_2, calib."""

import json
import sys
from pathlib import Path

from bevfusion.actions import inference
from bevfusion.spec import load_spec

if len(sys.argv) != 3:
    sys.exit(__doc__)
here, (frames, out) = Path(__file__).resolve().parent, sys.argv[1:]
keys = {"inference.checkpoint": here / "weights.pth", "dataset.root_dir": frames, "results_dir": out}
inference.run(load_spec(here / "spec.yaml", [f"{key}={value}" for key, value in keys.items()]))
for frame in json.loads((Path(out) / "predictions.json").read_text())["frames"]:
    print(frame["frame"], [(found["class"], found["score"]) for found in frame["detections"]])
