"""Carries a checkpoint away: weights alone, the spec to build the model, classes, an example, ONNX."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from importlib import resources
from pathlib import Path
from typing import Any

from bevfusion.errors import SpecError
from bevfusion.spec import ExperimentSpec
from bevfusion.spec.yaml_files import write_mapping
from bevfusion.status import Phase, StatusWriter

__all__ = ["run"]

_NOTHING_WRITTEN = "onnx is switched off (export.onnx)"


def run(spec: ExperimentSpec) -> None:
    """Write ``weights.pth`` (no optimizer), ``spec.yaml``, ``classes.txt``, ``infer.py`` and ``export.json``.

    Where the packages of the extra ``export`` are installed, the dense parts are written as ONNX and compared
    with the original; ``export.json`` says how far they are apart, and why each other part is not there.

    Raises:
        SpecError: no checkpoint is named.
        CheckpointError: it is missing, unsafe, or of another model.
    """
    from bevfusion import checkpoints
    from bevfusion.build import build_model
    from bevfusion.weights import load_weights

    if not spec.export.checkpoint:
        raise SpecError("names no checkpoint", where="export.checkpoint", hint="name an epoch_<n>.pth file")
    folder, source = Path(spec.results_dir), Path(spec.export.checkpoint)
    status = StatusWriter(folder / "status.json")
    status.write(Phase.STARTED, f"export of {source}")
    model = build_model(spec)
    load_weights(model, source, classes=spec.dataset.classes)
    model.eval()
    checkpoints.save(
        {"state_dict": model.state_dict(), "meta": {"classes": list(spec.dataset.classes)}},
        folder / "weights.pth",
    )
    (folder / "spec.yaml").write_text(write_mapping(asdict(_portable(spec))), encoding="utf-8")
    (folder / "classes.txt").write_text("\n".join(spec.dataset.classes) + "\n", encoding="utf-8")
    with resources.as_file(resources.files("bevfusion.export") / "infer.py") as example:
        shutil.copyfile(example, folder / "infer.py")
    document = {
        "weights": "weights.pth",
        "spec": "spec.yaml",
        "classes": list(spec.dataset.classes),
        "example": "python infer.py FRAMES OUT    # FRAMES has velodyne/, image_2/ and calib/",
        **_write_onnx(model, spec, folder),
    }
    (folder / "export.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    status.write(Phase.SUCCESS, f"exported to {folder}")


def _portable(spec: ExperimentSpec) -> ExperimentSpec:
    """The spec without paths of this machine: what it is used on is said where it is used."""
    parts = {
        f"{name}_dataset": replace(getattr(spec.dataset, f"{name}_dataset"), ann_file=None)
        for name in ("train", "val", "test")
    }
    actions: dict[str, Any] = {
        name: replace(getattr(spec, name), checkpoint="", results_dir="")
        for name in ("evaluate", "inference", "export")
    }
    train = replace(
        spec.train, results_dir="", pretrained_checkpoint=None, resume_training_checkpoint_path=None
    )
    dataset = replace(spec.dataset, root_dir="", **parts)
    return replace(spec, results_dir="", dataset=dataset, train=train, **actions)


def _write_onnx(model: Any, spec: ExperimentSpec, folder: Path) -> dict[str, Any]:
    """What was written as ONNX, and what was not with its reason."""
    from bevfusion.export.onnx_files import find_missing_packages, write_part
    from bevfusion.export.parts import NOT_IN_ONNX, list_parts

    parts, reasons = list_parts(model, spec), dict(NOT_IN_ONNX)
    if not model.uses_camera:
        del reasons["lift to bird's eye view"]
    missing = find_missing_packages()
    if missing or not spec.export.onnx:
        hint = f"{', '.join(missing)} not installed: pip install 'automl-3d[export]'"
        reasons |= dict.fromkeys(
            (part.name for part in parts), hint if spec.export.onnx else _NOTHING_WRITTEN
        )
        parts = []
    return {
        "onnx": [asdict(write_part(part, folder)) for part in parts],
        "not_in_onnx": [{"part": part, "reason": reason} for part, reason in reasons.items()],
    }
