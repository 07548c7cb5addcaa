"""Weights that a model starts from or is measured with, and a report of what fitted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from bevfusion import checkpoints
from bevfusion.errors import CheckpointError
from bevfusion.model.weight_names import adapt_shape, name_detector

__all__ = ["LoadReport", "load_weights"]

_MAX_GROUPS = 8


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

    @property
    def matched_share(self) -> float:
        """Matched tensors as a part of those of the model or of the file, whichever has fewer.

        So a part that starts a larger model (a LiDAR branch, a backbone) reaches 1 as well as the reverse.
        """
        fewer = len(self.matched) + min(len(self.new), len(self.unused))
        return len(self.matched) / fewer if fewer else 0.0

    def __str__(self) -> str:
        """Counts, and the names in groups."""
        text = f"{len(self.matched)}/{len(self.matched) + len(self.new)} tensors matched"
        for label, names in (("new", self.new), ("unused", self.unused)):
            if names:
                text += f", {len(names)} {label}: {_groups(names)}"
        return text


def load_weights(
    model: nn.Module,
    path: Path,
    *,
    min_matched: float | None = None,
    classes: Sequence[str] = (),
    rename: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]] = name_detector,
) -> LoadReport:
    """Copy the weights of a checkpoint into a model and say what fitted.

    Args:
        model: receives every tensor whose name and shape agree.
        path: checkpoint of ours, of mmengine, or a bare state dict.
        min_matched: least `LoadReport.matched_share`; None asks for every tensor of the model.
        classes: what the model shall detect; a checkpoint that says it was trained for others is refused.
        rename: gives the tensors of the file our names, see `bevfusion.model.weight_names`.

    Raises:
        CheckpointError: unreadable, of other classes, or fewer tensors match than asked for.
    """
    state = checkpoints.load(path)
    known = state.get("meta", {}).get("classes", classes)
    if classes and (not isinstance(known, list | tuple) or list(known) != list(classes)):
        raise CheckpointError(
            f"trained for the classes {known!r}, the spec has {list(classes)}",
            where=str(path),
            hint="set dataset.classes to those of the checkpoint",
        )
    found = state.get("state_dict", state.get("model", state))
    weights = rename(
        {name: value for name, value in found.items() if isinstance(name, str) and isinstance(value, Tensor)}
    )
    own = model.state_dict()
    fitting = {
        name: fitted
        for name, value in weights.items()
        if name in own and (fitted := adapt_shape(name, value, tuple(own[name].shape))) is not None
    }
    report = LoadReport(
        matched=tuple(fitting),
        new=tuple(name for name in own if name not in fitting),
        unused=tuple(name for name in weights if name not in fitting),
    )
    if report.new if min_matched is None else report.matched_share < min_matched:
        wanted = "all tensors of the model" if min_matched is None else f"at least {min_matched:.0%}"
        raise CheckpointError(
            f"the weights do not fit the model: {report}",
            where=str(path),
            hint=f"{wanted} must match; is the spec that of the checkpoint?",
        )
    model.load_state_dict({**own, **fitting})
    return report


def _groups(names: Sequence[str]) -> str:
    """Names by their first two parts, or by the first alone where these are many, with the number of each."""
    counts = Counter(".".join(name.split(".")[:2]) for name in names)
    if len(counts) > _MAX_GROUPS:
        counts = Counter(name.partition(".")[0] for name in names)
    return ", ".join(f"{group}.* ({count})" for group, count in counts.items())
