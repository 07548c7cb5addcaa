"""Checkpoints on disk: names that tell the epoch, files never half-written, loads that run no code."""

from __future__ import annotations

import os
import pickle
import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging.history_buffer import HistoryBuffer
from numpy.core.multiarray import _reconstruct, scalar  # type: ignore[attr-defined]
from torch import nn

from bevfusion.errors import CheckpointError

__all__ = ["LoadReport", "checkpoint_path", "latest", "list_epochs", "load", "load_weights", "save"]

_NAME = re.compile(r"epoch_(\d+)\.pth$")


def checkpoint_path(results_dir: Path, epoch: int) -> Path:
    """Where the checkpoint of an epoch lies: ``<results_dir>/checkpoints/epoch_<n>.pth``."""
    return results_dir / "checkpoints" / f"epoch_{epoch}.pth"


def list_epochs(folder: Path) -> dict[int, Path]:
    """All finished checkpoints of a folder by epoch number, in rising order.

    The number decides, not the text: ``epoch_10`` comes after ``epoch_9``.
    """
    found = {int(match[1]): path for path in folder.glob("*.pth") if (match := _NAME.search(path.name))}
    return dict(sorted(found.items()))


def latest(folder: Path) -> Path | None:
    """The checkpoint with the highest epoch number, None when there is none."""
    epochs = list_epochs(folder)
    return epochs[max(epochs)] if epochs else None


def save(state: Mapping[str, Any], path: Path) -> None:
    """Write a checkpoint under another name, flush it to disk, then rename it.

    Args:
        state: tensors and plain Python values only, so that ``weights_only=True`` can read it back.
        path: final name; whoever sees it sees a whole file.

    Raises:
        CheckpointError: the disk refused; an older file of that name is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as stream:
            torch.save(dict(state), stream)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except (OSError, RuntimeError) as error:
        partial.unlink(missing_ok=True)
        raise CheckpointError(
            f"cannot write the checkpoint: {error}", where=str(path), hint="free disk space, then resume"
        ) from error


def load(path: Path, *, map_location: str = "cpu") -> dict[str, Any]:
    """Read a checkpoint without running any code that it may carry.

    Raises:
        CheckpointError: missing, truncated, or holding objects other than tensors and plain values.
    """
    if not path.is_file():
        raise CheckpointError(
            "no such checkpoint", where=str(path), hint="check the path or the parent job id"
        )
    try:
        with torch.serialization.safe_globals(_mmengine_globals()):
            state = torch.load(path, map_location=map_location, weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(
            f"not a checkpoint that can be loaded safely: {reason}",
            where=str(path),
            hint="only tensors and plain values are accepted; save the bare state dict, or take another file",
        ) from error
    return state if isinstance(state, dict) else {"state_dict": state}


@dataclass(frozen=True)
class LoadReport:
    """What a set of weights brought to a model.

    Attributes:
        matched: tensors that were copied.
        new: tensors of the model that the file lacks; they keep their initial values.
        unused: tensors of the file that the model lacks or that have another shape.
    """

    matched: tuple[str, ...]
    new: tuple[str, ...]
    unused: tuple[str, ...]

    def __str__(self) -> str:
        text = f"{len(self.matched)}/{len(self.matched) + len(self.new)} tensors matched"
        for label, names in (("new", self.new), ("unused", self.unused)):
            if names:
                text += f", {len(names)} {label}: {_groups(names)}"
        return text


def load_weights(model: nn.Module, path: Path, *, min_matched: float = 1.0) -> LoadReport:
    """Copy the weights of a checkpoint into a model and say what fitted.

    Args:
        model: receives every tensor whose name and shape agree.
        path: checkpoint of ours, of mmengine, or a bare state dict.
        min_matched: share of the model's tensors that must be found.

    Raises:
        CheckpointError: unreadable, or fewer tensors match than asked for.
    """
    state = load(path)
    weights = state.get("state_dict", state.get("model", state))
    own = model.state_dict()
    fitting = {
        name: value for name, value in weights.items() if name in own and own[name].shape == value.shape
    }
    report = LoadReport(
        matched=tuple(fitting),
        new=tuple(name for name in own if name not in fitting),
        unused=tuple(name for name in weights if name not in fitting),
    )
    if len(fitting) < min_matched * len(own):
        raise CheckpointError(
            f"the weights do not fit the model: {report}",
            where=str(path),
            hint=f"at least {min_matched:.0%} must match; is the spec that of the checkpoint?",
        )
    model.load_state_dict({**own, **fitting})
    return report


def _groups(names: Iterable[str]) -> str:
    """The first two parts of dotted names, each once."""
    return ", ".join(sorted({".".join(name.split(".")[:2]) + ".*" for name in names})[:6])


def _mmengine_globals() -> list[Any]:
    """What mmengine puts into its checkpoints beside tensors: a log of scalars, harmless to rebuild."""
    return [
        HistoryBuffer,
        deque,
        np.ndarray,
        np.dtype,
        np.dtypes.Float64DType,
        np.dtypes.Int64DType,
        _reconstruct,
        scalar,
        (_statistic_of_history, "builtins.getattr"),
    ]


def _statistic_of_history(owner: object, name: str) -> object:
    """Stand in for ``getattr``, which a pickle could use to reach anything: methods of the log only."""
    if owner is HistoryBuffer and name in {"min", "max", "mean", "current"}:
        return getattr(owner, name)
    raise pickle.UnpicklingError(f"attribute {name!r} of {owner!r} is not allowed in a checkpoint")
