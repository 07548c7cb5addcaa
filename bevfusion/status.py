"""Tells whoever started the trainer how it goes, one JSON line at a time (contract section 7)."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path

__all__ = ["Phase", "Stage", "StatusWriter"]


class Phase(StrEnum):
    """What a status line says about the job."""

    STARTED = "STARTED"
    RUNNING = "RUNNING"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"


class Stage(StrEnum):
    """Where a training is between two epochs; who waits for it has a deadline for each."""

    RENDEZVOUS = "rendezvous"
    FIRST_STEP = "first step"
    TRAINING = "training"
    EVALUATING = "evaluating"
    CHECKPOINTING = "checkpointing"


class StatusWriter:
    """Appends flushed lines to ``status.json``; a reader never sees a later line before an earlier one.

    Args:
        path: the file, created with its folder when missing. A resumed job appends to its old lines.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._mend_cut_line()

    def write(
        self,
        phase: Phase,
        message: str = "",
        *,
        epoch: int | None = None,
        max_epoch: int | None = None,
        kpi: Mapping[str, float] | None = None,
    ) -> None:
        """Append one line.

        Args:
            phase: state of the job after this line.
            message: one sentence for people.
            epoch: last finished epoch, counted from 1.
            max_epoch: epochs of the whole job.
            kpi: measured numbers. A non-finite one is written as null: strict JSON has no NaN, and a failed
                measurement must not look like a score.
        """
        now = datetime.now().astimezone()
        line: dict[str, object] = {
            "date": now.strftime("%m/%d/%Y"),
            "time": now.strftime("%H:%M:%S"),
            "status": phase.value,
            "verbosity": "ERROR" if phase is Phase.FAILURE else "INFO",
            "message": message,
        }
        if epoch is not None:
            line["epoch"] = epoch
        if max_epoch is not None:
            line["max_epoch"] = max_epoch
        if kpi is not None:
            line["kpi"] = {name: value if math.isfinite(value) else None for name, value in kpi.items()}
        self._append(json.dumps(line, allow_nan=False) + "\n")

    def enter(self, stage: Stage) -> None:
        """Append a line whose message names the stage that begins now."""
        self.write(Phase.STARTED if stage is Stage.RENDEZVOUS else Phase.RUNNING, stage.value)

    def _append(self, text: str) -> None:
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())

    def _mend_cut_line(self) -> None:
        """End a line that a killed predecessor left unfinished, so that ours starts on its own."""
        if self.path.exists() and (data := self.path.read_bytes()) and not data.endswith(b"\n"):
            complete = data[: data.rfind(b"\n") + 1]
            self.path.write_bytes(complete)
