"""mmengine's Runner, set up from a spec: the same loop trains on a laptop, one GPU, or under torchrun."""

from __future__ import annotations

import logging
import math
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import yaml
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.runner import Runner
from torch import nn

from bevfusion import checkpoints
from bevfusion.build import build_model
from bevfusion.errors import CheckpointError
from bevfusion.hooks import ProgressHook, RandomnessHook, SentinelHook
from bevfusion.spec import ExperimentSpec
from bevfusion.training.loaders import evaluation_loader, training_loader
from bevfusion.training.metric import AveragePrecisionMetric

__all__ = ["DetectorRunner", "build_tester", "build_trainer"]

_log = logging.getLogger(__name__)


class DetectorRunner(Runner):
    """Runner that resumes from our own checkpoints, which hold tensors and plain values only."""

    def resume(
        self,
        filename: str,
        resume_optimizer: bool = True,
        resume_param_scheduler: bool = True,
        map_location: Any = "default",
    ) -> None:
        """Go on exactly where a checkpoint was written.

        Raises:
            CheckpointError: it lacks what training needs, for instance because it holds weights alone.
        """
        state = checkpoints.load(Path(filename))
        missing = [key for key in ("meta", "state_dict", "optimizer", "param_schedulers") if key not in state]
        if missing:
            raise CheckpointError(
                f"cannot resume: the file has no {', '.join(missing)}",
                where=filename,
                hint="use train.pretrained_checkpoint to start from weights alone",
            )
        model: nn.Module = getattr(self.model, "module", self.model)
        model.load_state_dict(state["state_dict"])
        self.optim_wrapper.load_state_dict(state["optimizer"])
        for scheduler, saved in zip(self.param_schedulers, state["param_schedulers"], strict=True):
            scheduler.load_state_dict(saved)
        self.train_loop._epoch = state["meta"]["epoch"]
        self.train_loop._iter = state["meta"]["iter"]
        self._has_loaded = True


def build_trainer(spec: ExperimentSpec) -> DetectorRunner:
    """A runner that trains, validates and keeps checkpoints as the spec says.

    Raises:
        SpecError: the model cannot be built.
        DataError: a part of the data cannot be read.
        CheckpointError: the pretrained or resume checkpoint does not fit.
    """
    train, results_dir = spec.train, Path(spec.results_dir)
    loader = training_loader(spec)
    torch.manual_seed(train.seed)
    model = build_model(spec)
    resume = _resume_file(spec)
    if train.pretrained_checkpoint and resume is None:
        report = checkpoints.load_weights(model, Path(train.pretrained_checkpoint), min_matched=0.5)
        _log.info("pretrained weights: %s", report)
    steps = _count_steps(loader)
    _raise_norm_momentum(model, train.norm_momentum or min(1.0, 20 / (steps * train.num_epochs)))
    return DetectorRunner(
        model=model,
        work_dir=str(results_dir / "logs"),
        train_dataloader=loader,
        val_dataloader=evaluation_loader(spec, spec.dataset.val_dataset),
        train_cfg={
            "by_epoch": True,
            "max_epochs": train.num_epochs,
            "val_interval": train.validation_interval,
        },
        val_cfg={},
        val_evaluator=Evaluator([AveragePrecisionMetric(classes=spec.dataset.classes)]),
        optim_wrapper=_optim_wrapper(spec),
        param_scheduler=_param_schedulers(spec, steps_per_epoch=steps),
        custom_hooks=_hooks(spec, results_dir),
        load_from=str(resume) if resume else None,
        resume=resume is not None,
        **_environment(spec),
    )


def build_tester(spec: ExperimentSpec, checkpoint: Path, metric: BaseMetric) -> DetectorRunner:
    """A runner whose ``test()`` shows every frame of ``dataset.test_dataset`` to a checkpoint.

    Args:
        spec: the model and the data.
        checkpoint: weights of that model.
        metric: receives the detections; what it computes is what ``test()`` returns.

    Raises:
        CheckpointError: missing, unsafe, or of another model than the spec's.
        DataError: the part of the data set cannot be read.
    """
    model = build_model(spec)
    checkpoints.load_weights(model, checkpoint)
    return DetectorRunner(
        model=model,
        work_dir=str(Path(spec.results_dir) / "logs"),
        test_dataloader=evaluation_loader(spec, spec.dataset.test_dataset),
        test_cfg={},
        test_evaluator=Evaluator([metric]),
        **_environment(spec),
    )


def _hooks(spec: ExperimentSpec, results_dir: Path) -> list[Any]:
    progress = ProgressHook(
        results_dir,
        checkpoint_interval=spec.train.checkpoint_interval,
        spec_text=yaml.safe_dump(asdict(spec), sort_keys=False),
        classes=spec.dataset.classes,
    )
    return [RandomnessHook(spec.train.seed), SentinelHook(), progress]


def _environment(spec: ExperimentSpec) -> dict[str, Any]:
    """What a runner needs beside model and data. Our hooks keep checkpoints, so mmengine's stays away."""
    return {
        "default_hooks": {
            "logger": {"type": "LoggerHook", "interval": spec.train.logging_interval},
            "checkpoint": None,
        },
        "randomness": {"seed": spec.train.seed, "deterministic": spec.train.cudnn.deterministic},
        "env_cfg": {"cudnn_benchmark": spec.train.cudnn.benchmark},
        "launcher": "pytorch" if "LOCAL_RANK" in os.environ else "none",
        "default_scope": "mmdet3d",
        "visualizer": None,
    }


def _optim_wrapper(spec: ExperimentSpec) -> dict[str, Any]:
    optimizer, clip = spec.train.optimizer, spec.train.optimizer.clip_grad
    return {
        "type": optimizer.wrapper_type,
        "optimizer": {
            "type": optimizer.type,
            "lr": optimizer.lr,
            "weight_decay": optimizer.weight_decay,
            "betas": list(optimizer.betas),
        },
        "clip_grad": {"max_norm": clip.max_norm, "norm_type": clip.norm_type},
        "accumulative_counts": spec.train.accumulation,
    }


def _param_schedulers(spec: ExperimentSpec, *, steps_per_epoch: int) -> list[dict[str, Any]]:
    """The spec's schedulers without those that end before the first step, as a short warm-up may."""
    entries = [dict(entry) for entry in spec.train.lr_scheduler or ()]
    per_unit = [steps_per_epoch if entry.get("convert_to_iter_based") else 1 for entry in entries]
    return [
        entry
        for entry, steps in zip(entries, per_unit, strict=True)
        if "end" not in entry or int(entry["end"] * steps) > int(entry.get("begin", 0) * steps)
    ]


def _count_steps(loader: dict[str, Any]) -> int:
    return math.ceil(len(loader["dataset"]) / (loader["batch_size"] * int(os.environ.get("WORLD_SIZE", "1"))))


def _resume_file(spec: ExperimentSpec) -> Path | None:
    """The checkpoint to go on from: the one named, else, when asked to resume, the newest of the results."""
    if spec.train.resume_training_checkpoint_path:
        return Path(spec.train.resume_training_checkpoint_path)
    return checkpoints.latest(Path(spec.results_dir) / "checkpoints") if spec.train.resume else None


def _raise_norm_momentum(model: nn.Module, least: float) -> None:
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = max(module.momentum or 0.0, least)
