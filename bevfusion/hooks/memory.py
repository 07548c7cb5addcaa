"""Finds out within seconds whether a training has the memory it needs."""

from __future__ import annotations

import copy
import logging
import os
import resource
from pathlib import Path
from typing import Any

import torch
from mmengine.dataset import pseudo_collate
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from bevfusion.data.infos import locate
from bevfusion.status import Phase, StatusWriter

__all__ = ["MemoryProbeHook", "largest_batch", "peak_and_total_bytes"]

_STEPS = 2  # the second one has the optimizer's moments in memory


class MemoryProbeHook(Hook):
    """Takes two whole steps on the frames with the most points, then puts everything back.

    Running out of memory ends the job here, as it would later; else the peak goes into log and status.

    Args:
        results_dir: the trial folder.
    """

    def __init__(self, results_dir: Path) -> None:
        self._status_file = results_dir / "status.json"

    def before_run(self, runner: Runner) -> None:
        """Probe; weights, optimizer and loss scale come out as they went in."""
        wrapper = runner.optim_wrapper
        weights = {name: value.to("cpu", copy=True) for name, value in runner.model.state_dict().items()}
        updates = copy.deepcopy(wrapper.state_dict())
        loader = runner.train_dataloader
        batch = largest_batch(loader.dataset, loader.batch_size or 1)
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        runner.model.train()
        for _ in range(_STEPS):
            wrapper.initialize_count_status(runner.model, 0, 1)  # each step an update, also with accumulation
            runner.model.train_step(batch, optim_wrapper=wrapper)
        runner.model.load_state_dict(weights)
        wrapper.load_state_dict(updates)
        wrapper.zero_grad()
        wrapper.grad_norm = None
        peak, total = (size_bytes / 2**30 for size_bytes in peak_and_total_bytes())
        message = f"memory probe: {peak:.1f} of {total:.1f} GiB at the largest frames"
        if is_main_process():
            logging.getLogger(__name__).info("%s", message)
            StatusWriter(self._status_file).write(Phase.RUNNING, message)


def largest_batch(dataset: Any, size: int) -> Any:
    """The frames with the largest point files; fewer frames than a batch are repeated."""
    files = [locate(dataset.points_dir, frame.lidar_path) for frame in dataset.infos.frames]
    order = sorted(range(len(files)), key=lambda index: -files[index].stat().st_size)
    return pseudo_collate([dataset[order[place % len(order)]] for place in range(size)])


def peak_and_total_bytes() -> tuple[int, int]:
    """Most memory in use so far and all there is: of the GPU, else of this process and its machine."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_reserved(), torch.cuda.get_device_properties().total_memory
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak_kib * 1024, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
