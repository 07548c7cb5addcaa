"""This machine: interpreter, packages, GPUs, memory and disk, against what a study asks for."""

from __future__ import annotations

import math
import os
import platform
import shutil
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

from automl.control_group import memory_groups
from automl.doctor.check import Check, CheckStatus
from automl.planning.machine import Machine
from automl.skills import Hardware

__all__ = ["check_disk", "check_gpus", "check_memory", "check_packages", "check_python"]

_PYTHON = "3.11"
_DISTRIBUTION = "automl-3d"
_EXTRA = "tune"
# What a trainer with torch, numba and a detector framework holds before it has seen a frame, and some air.
_TRAINER_BYTES = 2e9
_LITTLE_DISK_BYTES = 2e9
_GB = 1e9
_LIMIT_AND_USE = (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"))
"""Files of a control group, of version 2 and 1."""


def check_python() -> Check:
    """The interpreter: compiled packages of the pinned set exist for one minor version."""
    found = platform.python_version()
    if found.startswith(f"{_PYTHON}."):
        return Check("python", CheckStatus.OK, found)
    remedy = f"make the environment with Python {_PYTHON}: make setup PYTHON=/path/to/python{_PYTHON}"
    return Check("python", CheckStatus.FAILED, f"{found}, {_PYTHON} is needed", remedy)


def check_packages() -> Check:
    """The platform's own requirements, without importing one."""
    wanted = [Requirement(line) for line in requires(_DISTRIBUTION) or ()]
    mine = [w for w in wanted if w.marker is None or w.marker.evaluate({"extra": _EXTRA})]
    wrong = list(_wrong_packages(mine))
    if wrong:
        remedy = f"pip install --constraint constraints.txt '{_DISTRIBUTION}[{_EXTRA}]'"
        return Check("packages", CheckStatus.FAILED, "; ".join(wrong), remedy)
    return Check("packages", CheckStatus.OK, ", ".join(f"{w.name} {version(w.name)}" for w in mine))


def _wrong_packages(wanted: list[Requirement]) -> Iterator[str]:
    for requirement in wanted:
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            yield f"{requirement.name} is missing"
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            yield f"{requirement.name} {found}, {requirement.specifier} is needed"


def check_gpus(machine: Machine, hardware: Hardware | None) -> Check:
    """GPUs against the model's minimum and recommendation; too few is slow, not impossible."""
    memory = machine.gpu_memory_gb
    found = f"{machine.gpus} of {min(memory):.0f} GB or more" if memory else "none"
    if hardware is None:
        return Check("gpus", CheckStatus.OK, f"{found}; the model does not say what it needs")
    found += f"; the model asks for {hardware.min_gpus}, better {hardware.recommended_gpus}"
    found += f", of {hardware.min_vram_gb:g} GB each"
    if machine.gpus < hardware.min_gpus:
        remedy = "join a cluster with --ray-address, or train a small model, slowly: --profile tiny"
        return Check("gpus", CheckStatus.WARNING, found, remedy)
    if min(memory, default=0.0) < hardware.min_vram_gb:
        remedy = "bound the batch size: --param dataset.train_dataset.batch_size=1:2"
        return Check("gpus", CheckStatus.WARNING, found, remedy)
    return Check("gpus", CheckStatus.OK, found)


def check_memory(side_by_side: int) -> Check:
    """Main memory that is free now, shared by the trials that would run side by side."""
    free = _free_memory_bytes()
    each = free / side_by_side
    found = f"{free / _GB:.1f} GB free, {each / _GB:.1f} GB for each of {side_by_side} trials side by side"
    found += f" (rule of thumb: {_TRAINER_BYTES / _GB:g} GB)"
    if each >= _TRAINER_BYTES:
        return Check("memory", CheckStatus.OK, found)
    return Check("memory", CheckStatus.WARNING, found, "fewer side by side: --max-concurrent 1")


def _free_memory_bytes() -> float:
    """What the kernel says is available, or what the limits of container and cluster job leave of it."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    fields = dict(line.split(":", 1) for line in lines)
    free = float(fields["MemAvailable"].split()[0]) * 1024
    return min([free, *(_free_of(group, *names) for group in memory_groups() for names in _LIMIT_AND_USE)])


def _free_of(group: Path, limit: str, use: str) -> float:
    """What a control group has left; infinite where it has no limit of that name."""
    try:
        return float((group / limit).read_text()) - float((group / use).read_text())
    except (OSError, ValueError):  # "max" stands for no limit
        return math.inf


def check_disk(results_dir: Path, forecast_bytes: float | None) -> Check:
    """Room for checkpoints and logs where studies lie, and whether they may be written there."""
    place = results_dir.resolve()
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    need = "what a study takes is known after a first one there"
    if forecast_bytes is not None:
        need = f"a study takes about {forecast_bytes / _GB:.1f} GB, going by earlier ones there"
    found = f"{free / _GB:.1f} GB free at {place}; {need}"
    if not os.access(place, os.W_OK):
        return Check("disk", CheckStatus.FAILED, f"{place} cannot be written", "choose another --results-dir")
    remedy = "free some space, or put results elsewhere with --results-dir"
    if forecast_bytes is not None and free < forecast_bytes:
        return Check("disk", CheckStatus.FAILED, found, remedy)
    if free < _LITTLE_DISK_BYTES:
        return Check("disk", CheckStatus.WARNING, found, remedy)
    return Check("disk", CheckStatus.OK, found)
