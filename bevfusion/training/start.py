"""What a training begins with: a checkpoint to go on from, or weights and a seed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmengine.dist import sync_random_seed
from torch import nn

from bevfusion import checkpoints
from bevfusion.errors import CheckpointError
from bevfusion.model.weight_names import name_swin
from bevfusion.spec import ExperimentSpec
from bevfusion.weights import load_weights

__all__ = ["find_resume_file", "load_start_weights", "read_resume_file", "settle_seed"]

_log = logging.getLogger(__name__)
_STATE = ("meta", "state_dict", "optimizer", "param_schedulers")


def find_resume_file(spec: ExperimentSpec) -> Path | None:
    """The checkpoint to go on from: the one named, else, when asked to resume, the newest of the results."""
    if spec.train.resume_training_checkpoint_path:
        return Path(spec.train.resume_training_checkpoint_path)
    return checkpoints.latest(Path(spec.results_dir) / "checkpoints") if spec.train.resume else None


def read_resume_file(path: Path, model: nn.Module, *, schedules: int, averages: bool) -> dict[str, Any]:
    """A checkpoint that a training can go on from as if it had never stopped.

    Args:
        path: checkpoint of ours.
        model: the detector.
        schedules: how many parameter schedules the training has.
        averages: whether it keeps a running average of the weights.

    Raises:
        CheckpointError: it lacks what training needs, for instance because it holds weights alone, or is of
            another model, schedule or average.
    """
    state = checkpoints.load(path)
    if missing := [name for name in _STATE if name not in state]:
        raise CheckpointError(
            f"cannot resume: the file has no {', '.join(missing)}",
            where=str(path),
            hint="use train.pretrained_checkpoint to start from weights alone",
        )
    reason = _find_difference(state, model, schedules=schedules, averages=averages)
    if reason:
        hint = "resume with the spec of the checkpoint, which it carries, or start from its weights alone"
        raise CheckpointError(f"cannot resume: {reason}", where=str(path), hint=hint)
    return state


def _find_difference(
    state: Mapping[str, Any], model: nn.Module, *, schedules: int, averages: bool
) -> str | None:
    """What a checkpoint has that the training has not, or the other way round."""
    stored, own = (
        {str(name): getattr(value, "shape", None) for name, value in weights.items()}
        for weights in (state["state_dict"], model.state_dict())
    )
    if odd := {name for name, _ in stored.items() ^ own.items()}:
        return f"{len(odd)} tensors are of another model, {min(odd)} among them"
    listed = state["param_schedulers"]
    if (found := len(listed) if isinstance(listed, list | dict) else repr(listed)) != schedules:
        return f"the file has {found} schedules, the spec {schedules}"
    if "ema_state_dict" in state and not averages:
        return "the file holds averaged weights, the spec has no train.ema_momentum"
    return None


def settle_seed(spec: ExperimentSpec, resume: Path | None = None) -> ExperimentSpec:
    """The spec with a seed that all processes share, when it asks for a new one each time.

    Args:
        spec: a seed that is not negative stays.
        resume: checkpoint to go on from, whose seed is kept.
    """
    if spec.train.seed >= 0:
        return spec
    known = checkpoints.load(resume).get("meta", {}).get("seed") if resume else None
    return replace(spec, train=replace(spec.train, seed=sync_random_seed() if known is None else known))


def load_start_weights(model: nn.Module, spec: ExperimentSpec) -> str:
    """Put pretrained weights into a fresh model: those of the image backbone, then those of the whole.

    Args:
        model: the detector.
        spec: names the files.

    Returns:
        What was loaded and what fitted, for people.

    Raises:
        CheckpointError: a file is unreadable, or less of it fits than ``train.pretrained_min_matched``.
    """
    least, told = spec.train.pretrained_min_matched, []
    backbone = spec.model.img_backbone.init_cfg.checkpoint
    if backbone and spec.input_modality.use_camera:
        report = load_weights(model.img_backbone, Path(backbone), min_matched=least, rename=name_swin)
        told.append(f"image backbone from {backbone}: {report}")
    if whole := spec.train.pretrained_checkpoint:
        told.append(f"model from {whole}: {load_weights(model, Path(whole), min_matched=least)}")
    for text in told:
        _log.info("%s", text)
    return "; ".join(told)
