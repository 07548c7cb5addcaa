"""What is let loose on a reader."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

__all__ = ["Inputs", "Target"]

Inputs = st.SearchStrategy[bytes]


@dataclass(frozen=True)
class Target:
    """One kind of file.

    Attributes:
        file: its place in a scratch folder.
        inputs: what is written there.
        read: everything that reads it.
        prepare: what lies around it.
        needs_torch: whether its readers import torch.
    """

    file: str
    inputs: Callable[[], Inputs]
    read: Callable[[Path], object]
    prepare: Callable[[Path], object] = lambda _: None
    needs_torch: bool = False
