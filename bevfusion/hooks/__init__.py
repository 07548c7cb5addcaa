"""Around training steps: reproducible randomness, a watch on the loss, checkpoints and reports."""

from bevfusion.hooks.progress import ProgressHook
from bevfusion.hooks.randomness import RandomnessHook
from bevfusion.hooks.sentinel import SentinelHook

__all__ = ["ProgressHook", "RandomnessHook", "SentinelHook"]
