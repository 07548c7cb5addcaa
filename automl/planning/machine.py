"""What this machine has to give: cores and GPUs, asked of the system, not of torch."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass

__all__ = ["Machine", "look_at_machine"]


@dataclass(frozen=True)
class Machine:
    """Cores and GPUs that this process may use.

    Attributes:
        gpu_memory_gb: memory of each GPU.
    """

    cpus: int
    gpu_memory_gb: tuple[float, ...] = ()

    @property
    def gpus(self) -> int:
        """Number of GPUs."""
        return len(self.gpu_memory_gb)


def look_at_machine() -> Machine:
    """Cores by affinity and the quota of the container; GPUs by nvidia-smi and ``CUDA_VISIBLE_DEVICES``."""
    import joblib  # noqa: PLC0415 - it takes longer than all else that planning imports

    memory = _gpu_memory_gb() if shutil.which("nvidia-smi") else ()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        devices = [device.strip() for device in visible.split(",") if device.strip() not in ("", "-1")]
        indices = [int(device) if device.isdigit() else i for i, device in enumerate(devices)]
        memory = tuple(memory[i] for i in indices if i < len(memory))
    return Machine(joblib.cpu_count(), memory)


def _gpu_memory_gb() -> tuple[float, ...]:
    query = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=10, check=True)
        return tuple(float(line) / 1024 for line in done.stdout.split() if line.strip())
    except (OSError, subprocess.SubprocessError, ValueError):
        return ()
