"""mmengine's Runner, set up from a spec: the same loop trains on a laptop, one GPU, or under torchrun."""

from __future__ import annotations

import math
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import yaml
from mmengine.device import get_device
from mmengine.dist import get_world_size
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.hooks import EMAHook, Hook
from mmengine.model import MMDistributedDataParallel
from mmengine.runner import Runner
from torch import nn

from bevfusion.build import build_model
from bevfusion.hooks import (
    AccumulationHook,
    MemoryProbeHook,
    NormHook,
    ProgressHook,
    RandomnessHook,
    SentinelHook,
)
from bevfusion.spec import ExperimentSpec
from bevfusion.training.loaders import evaluation_loader, training_loader
from bevfusion.training.metric import AveragePrecisionMetric
from bevfusion.training.optimizer import optim_wrapper, param_schedulers
from bevfusion.training.processes import join_group, parallel_config
from bevfusion.training.start import find_resume_file, load_start_weights, read_resume_file, settle_seed
from bevfusion.weights import load_weights

__all__ = ["DetectorRunner", "build_tester", "build_trainer"]


class DetectorRunner(Runner):
    """Runner that resumes from our own checkpoints, which hold tensors and plain values only.

    Attributes:
        started_from: what a training began with, for people; empty for random weights.
    """

    started_from = ""

    def wrap_model(self, model_wrapper_cfg: dict[str, Any] | None, model: nn.Module) -> nn.Module:
        """As mmengine does, and on several CPUs as well."""
        if not self.distributed or get_device() != "cpu":
            return super().wrap_model(model_wrapper_cfg, model)
        unused = self.cfg["find_unused_parameters"]
        return MMDistributedDataParallel(model, broadcast_buffers=False, find_unused_parameters=unused)

    def resume(
        self,
        filename: str,
        resume_optimizer: bool = True,
        resume_param_scheduler: bool = True,
        map_location: Any = "default",
    ) -> None:
        """Go on exactly where a checkpoint was written.

        Raises:
            CheckpointError: see `bevfusion.training.start.read_resume_file`.
        """
        model: nn.Module = getattr(self.model, "module", self.model)
        averages = any(isinstance(hook, EMAHook) for hook in self.hooks)
        state = read_resume_file(
            Path(filename), model, schedules=len(self.param_schedulers), averages=averages
        )
        self.call_hook("after_load_checkpoint", checkpoint=state)  # a running average is sorted out there
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
        SpecError: the model cannot be built, or not be trained on this machine as the spec says.
        DataError: a part of the data cannot be read.
        CheckpointError: the pretrained or resume checkpoint does not fit.
    """
    join_group()
    resume = find_resume_file(spec)
    spec = settle_seed(spec, resume)
    train, results_dir = spec.train, Path(spec.results_dir)
    loader = training_loader(spec)
    torch.manual_seed(train.seed)
    model = build_model(spec)
    model.freezes_norm = train.freeze_norm
    started_from = load_start_weights(model, spec) if resume is None else f"resumed from {resume}"
    steps = math.ceil(len(loader["dataset"]) / (loader["batch_size"] * get_world_size()))
    _raise_norm_momentum(model, train.norm_momentum or min(1.0, 20 / (steps * train.num_epochs)))
    runner = DetectorRunner(
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
        optim_wrapper=optim_wrapper(spec),
        param_scheduler=param_schedulers(spec, steps_per_epoch=steps),
        custom_hooks=_hooks(spec, results_dir),
        load_from=str(resume) if resume else None,
        resume=resume is not None,
        **_environment(spec),
    )
    runner.started_from = started_from
    return runner


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
    join_group()
    spec = settle_seed(spec)
    model = build_model(spec)
    load_weights(model, checkpoint, classes=spec.dataset.classes)
    return DetectorRunner(
        model=model,
        work_dir=str(Path(spec.results_dir) / "logs"),
        test_dataloader=evaluation_loader(spec, spec.dataset.test_dataset),
        test_cfg={},
        test_evaluator=Evaluator([metric]),
        **_environment(spec),
    )


def _hooks(spec: ExperimentSpec, results_dir: Path) -> list[Hook]:
    train = spec.train
    progress = ProgressHook(
        results_dir,
        checkpoint_interval=train.checkpoint_interval,
        spec_text=yaml.safe_dump(asdict(spec), sort_keys=False),
        classes=spec.dataset.classes,
    )
    hooks: list[Hook] = [
        RandomnessHook(train.seed),
        SentinelHook(results_dir, train.sentinel),
        NormHook(),
        progress,
    ]
    if train.accumulation > 1:
        hooks.append(AccumulationHook())
    if train.ema_momentum is not None:
        hooks.append(EMAHook(momentum=train.ema_momentum))
    if train.memory_probe:
        hooks.append(MemoryProbeHook(results_dir))
    return hooks


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
        "cfg": parallel_config(spec),
        "visualizer": None,
    }


def _raise_norm_momentum(model: nn.Module, least: float) -> None:
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = max(module.momentum or 0.0, least)
