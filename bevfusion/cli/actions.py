"""The commands that run one action from its spec."""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from bevfusion.cli.failures import reported

__all__ = ["SpecFile", "dataset_convert", "evaluate", "export", "inference", "train"]

SpecFile = Annotated[
    Path, typer.Option("-e", "--experiment_spec", help="YAML spec; missing keys take their defaults.")
]
_log = logging.getLogger(__name__)
Overrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="[KEY=VALUE]...", help="Spec keys to override, e.g. train.num_epochs=20."),
]


def train(spec: SpecFile, overrides: Overrides = None) -> None:
    """Fit the detector to a data set."""
    _run_experiment("train", spec, overrides or ())


def evaluate(spec: SpecFile, overrides: Overrides = None) -> None:
    """Score a checkpoint on the test part."""
    _run_experiment("evaluate", spec, overrides or ())


def inference(spec: SpecFile, overrides: Overrides = None) -> None:
    """Write the detections of a checkpoint on the test part."""
    _run_experiment("inference", spec, overrides or ())


def export(spec: SpecFile, overrides: Overrides = None) -> None:
    """Write what is needed to use a checkpoint elsewhere: weights, spec, classes, example, ONNX."""
    from bevfusion.spec import load_spec

    with reported(_results_dir(spec, overrides or (), "export")):
        loaded = load_spec(spec, overrides or ())
        results_dir = _chosen(loaded.export.results_dir, spec)
        importlib.import_module("bevfusion.actions.export").run(replace(loaded, results_dir=results_dir))


def dataset_convert(spec: SpecFile, overrides: Overrides = None) -> None:
    """Turn a data set's folders into info files, and check what was written."""
    from bevfusion.spec import load_convert_spec

    with reported(_results_dir(spec, overrides or (), "dataset_convert")):
        loaded = load_convert_spec(spec, overrides or ())
    importlib.import_module("bevfusion.actions.dataset_convert").run(loaded)  # tells its own failures


def _run_experiment(action: str, path: Path, overrides: Sequence[str]) -> None:
    from bevfusion.data.checks import check_inputs
    from bevfusion.errors import DataError
    from bevfusion.launch import is_worker, plan_launch, visible_devices
    from bevfusion.spec import load_spec
    from bevfusion.spec.checks import find_warnings
    from bevfusion.status import Stage, StatusWriter

    with reported(_results_dir(path, overrides, action)):
        spec = load_spec(path, overrides)
        section = getattr(spec, action)
        results_dir = _chosen(section.results_dir, path)
        if not is_worker(os.environ) and (faults := check_inputs(spec, action)):
            raise DataError(faults)  # all of them, before torch is imported
        if devices := visible_devices(section.gpu_ids, section.num_gpus, os.environ):
            os.environ["CUDA_VISIBLE_DEVICES"] = devices
        if launch := plan_launch(section.num_gpus, section.num_nodes, os.environ):
            if launch.node_rank == 0:
                StatusWriter(Path(results_dir) / "status.json").enter(Stage.RENDEZVOUS)
            launch.run([action, "-e", str(path), *overrides])
            return
        for warning in find_warnings(spec):
            _log.warning("%s", warning)
        action_module = importlib.import_module(f"bevfusion.actions.{action}")
        action_module.run(replace(spec, results_dir=results_dir))


def _chosen(results_dir: str, path: Path) -> str:
    from bevfusion.errors import SpecError

    if not results_dir:
        raise SpecError("no folder for the results", where=f"{path}:results_dir", hint="add results_dir=DIR")
    return results_dir


def _results_dir(path: Path, overrides: Sequence[str], action: str) -> Path | None:
    """Where a failure is told, read from a spec that may be what is wrong."""
    from bevfusion.spec.reading import peek

    found = peek(path, overrides, f"{action}.results_dir") or peek(path, overrides, "results_dir")
    return Path(found) if isinstance(found, str) and found else None
