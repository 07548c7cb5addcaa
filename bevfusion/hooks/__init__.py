"""Around training steps: reproducible randomness, a watch on the figures, checkpoints and reports."""

from bevfusion.hooks.accumulation import AccumulationHook
from bevfusion.hooks.memory import MemoryProbeHook
from bevfusion.hooks.norms import NormHook
from bevfusion.hooks.progress import ProgressHook
from bevfusion.hooks.randomness import RandomnessHook
from bevfusion.hooks.sentinel import SentinelHook

__all__ = [
    "AccumulationHook",
    "MemoryProbeHook",
    "NormHook",
    "ProgressHook",
    "RandomnessHook",
    "SentinelHook",
]
