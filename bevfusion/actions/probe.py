"""Measures what a spec costs, without training it: size, time of a frame, memory of a step."""

from __future__ import annotations

import time
from statistics import median

import torch
from mmengine.dataset import pseudo_collate
from mmengine.device import get_device
from mmengine.optim import build_optim_wrapper
from torch import nn

from bevfusion.build import build_model
from bevfusion.hooks.memory import largest_batch, peak_and_total_bytes
from bevfusion.spec import ExperimentSpec
from bevfusion.training.ending import memory_errors_named
from bevfusion.training.loaders import evaluation_loader, training_loader
from bevfusion.training.optimizer import optim_wrapper

__all__ = ["run"]

_FRAMES, _WARM_UP = 7, 2
_STEPS = 2  # the second one has the optimizer's moments in memory


def run(spec: ExperimentSpec) -> dict[str, float]:
    """Measure a spec on this machine, with random weights.

    Returns:
        ``params_m``: parameters in millions; ``latency_ms``: from a frame in memory to its boxes, batch of
        one, median; ``peak_mem_gb``: most memory (GiB) at two training steps on the largest frames, of the
        GPU where there is one, else of this process.

    Raises:
        SpecError: the model cannot be built.
        DataError: a part of the data set cannot be read.
        OutOfMemoryError: a step does not fit.
    """
    with memory_errors_named():
        torch.manual_seed(spec.train.seed)
        model = build_model(spec).to(get_device())
        latency_ms = _latency_ms(model, spec)
        _train(model, spec)
        peak_bytes, _ = peak_and_total_bytes()
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return {
        "params_m": parameters / 1e6,
        "latency_ms": latency_ms,
        "peak_mem_gb": peak_bytes / 2**30,
    }


def _latency_ms(model: nn.Module, spec: ExperimentSpec) -> float:
    dataset = evaluation_loader(spec, spec.dataset.val_dataset)["dataset"]
    frames = [pseudo_collate([dataset[place % len(dataset)]]) for place in range(_FRAMES)]
    model.eval()
    durations_s = []
    with torch.no_grad():
        for frame in frames:
            begin_s = time.perf_counter()
            model.test_step(frame)
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            durations_s.append(time.perf_counter() - begin_s)
    return 1e3 * median(durations_s[_WARM_UP:])


def _train(model: nn.Module, spec: ExperimentSpec) -> None:
    """Two whole updates on the frames with the most points."""
    loader = training_loader(spec)
    batch = largest_batch(loader["dataset"], loader["batch_size"])
    wrapper = build_optim_wrapper(model, optim_wrapper(spec))
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    model.train()
    for _ in range(_STEPS):
        wrapper.initialize_count_status(model, 0, 1)
        model.train_step(batch, optim_wrapper=wrapper)
