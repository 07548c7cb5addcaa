"""Time and disk of a study, from what earlier studies of the same model took on this machine; rough, or None.

    wall  = epochs / trials side by side x seconds an epoch,   not above the time budget
    disk  = trials x bytes of a checkpoint + 1 MB a trial for logs

Epochs are all trials times their epochs (half of them with early stopping), not above the epoch budget.
Seconds an epoch and bytes of a checkpoint are medians over the trials of earlier studies whose model part of
the spec is equal.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from automl.errors import AutomlError
from automl.schema.documents import read_yaml_mapping
from automl.types import Budget, Spec

__all__ = ["Forecast", "disk_warnings", "forecast_study", "free_bytes"]

_LOG_BYTES = 1_000_000
_STOPPED_SHARE = 0.5


@dataclass(frozen=True)
class Forecast:
    """What a study will take; None where nothing is known."""

    wall_s: float | None = None
    disk_bytes: int | None = None


@dataclass(frozen=True)
class _Pace:
    epoch_s: float
    checkpoint_bytes: int


def forecast_study(
    results_dir: Path, spec: Spec, budget: Budget, *, concurrent: int, stops_early: bool
) -> Forecast:
    """Forecast a study from earlier ones in the same results folder.

    Args:
        results_dir: where earlier studies are looked for.
        spec: resolved default spec; its ``model`` part has to be equal.
        budget: what may be spent.
        concurrent: trials side by side.
        stops_early: whether the algorithm stops trials.
    """
    paces = list(_earlier_paces(results_dir, spec))
    if not paces:
        return Forecast(wall_s=budget.time_s)
    epochs = budget.trials * budget.max_epochs * (_STOPPED_SHARE if stops_early else 1.0)
    epochs = min(epochs, budget.epochs or epochs)
    wall_s = epochs / concurrent * median(pace.epoch_s for pace in paces)
    checkpoint_bytes = median(pace.checkpoint_bytes for pace in paces)
    return Forecast(
        wall_s=round(min(wall_s, budget.time_s or wall_s), 1),
        disk_bytes=round(budget.trials * (checkpoint_bytes + _LOG_BYTES)),
    )


def free_bytes(results_dir: Path) -> int:
    """Room on the disk where studies lie or will lie."""
    place = results_dir.resolve()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def disk_warnings(forecast: Forecast, quota_bytes: int | None, free: int) -> Iterator[str]:
    """Where a study will stand still for want of room, if none of its checkpoints is dropped.

    Args:
        forecast: what it will take.
        quota_bytes: what it may take, None for all there is.
        free: bytes on the disk.
    """
    limits = [(free, "the disk has")] + ([(quota_bytes, "--disk-quota allows")] if quota_bytes else [])
    room, said = min(limits)
    if forecast.disk_bytes is not None and forecast.disk_bytes > room:
        yield (
            f"the study may take {forecast.disk_bytes / 1e9:.1f} GB, {said} {room / 1e9:.1f} GB: it would "
            "pause with exit code 3, and go on when there is room; make some now, or ask for fewer trials"
        )


def _earlier_paces(results_dir: Path, spec: Spec) -> Iterator[_Pace]:
    for trial in sorted(results_dir.glob("*/trials/*")):
        try:
            if read_yaml_mapping(trial / "spec.yaml").get("model") == spec.get("model"):
                yield from _pace(trial)
        except (AutomlError, OSError):
            continue


def _pace(trial: Path) -> Iterator[_Pace]:
    """Seconds an epoch: from the writing of the spec to the last line of the status, by the files' times."""
    status = trial / "status.json"
    epochs = max((_epoch(line) for line in status.read_text("utf-8").splitlines()), default=0)
    sizes = [path.stat().st_size for path in trial.rglob("*epoch_*") if path.is_file()]
    seconds = status.stat().st_mtime - (trial / "spec.yaml").stat().st_mtime
    if epochs and seconds > 0:
        yield _Pace(seconds / epochs, max(sizes, default=0))


def _epoch(line: str) -> int:
    try:
        entry: Any = json.loads(line)
    except ValueError:
        return 0
    epoch = entry.get("epoch") if isinstance(entry, dict) else None
    return epoch if isinstance(epoch, int) else 0
