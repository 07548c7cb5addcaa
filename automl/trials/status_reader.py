"""Tails ``status.json`` into typed lines; the only thing of a trainer that the platform listens to."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from automl.errors import StatusError
from automl.types import Report

__all__ = ["StatusLine", "StatusReader"]


@dataclass(frozen=True)
class StatusLine:
    """One complete line of a trainer.

    Attributes:
        status: STARTED, RUNNING, SUCCESS or FAILURE, as the trainer wrote it; empty when it wrote none.
        message: one sentence for people.
        epoch: finished epochs, None on lines that are not about an epoch.
        max_epoch: epochs of the whole training, 0 when not said.
        kpi: the finite numbers, a count as an integer; what was null, NaN or infinite is a failed measurement
            and left out.
    """

    status: str = ""
    message: str = ""
    epoch: int | None = None
    max_epoch: int = 0
    kpi: Mapping[str, float] = field(default_factory=dict)

    def to_report(self, metric: str) -> Report | None:
        """The line as an epoch's report, None when it is about no epoch."""
        if self.epoch is None:
            return None
        return Report(self.epoch, self.max_epoch, self.kpi.get(metric), self.kpi)


class StatusReader:
    """Reads what was appended since the last call.

    Args:
        path: the status file; it need not exist yet.
        offset: bytes to skip, for a training that goes on in a folder with older lines.
    """

    def __init__(self, path: Path, offset: int = 0) -> None:
        self._path = path
        self._offset = offset

    def read_new(self) -> list[StatusLine]:
        """Complete lines since the last call; an unfinished last line means "not yet".

        Raises:
            StatusError: a complete line is not what the contract says.
        """
        try:
            with self._path.open("rb") as stream:
                stream.seek(self._offset)
                data = stream.read()
        except FileNotFoundError:
            return []
        complete = data[: data.rfind(b"\n") + 1]
        lines = [self._parse(line) for line in complete.splitlines() if line.strip()]
        self._offset += len(complete)
        return lines

    def recover(self) -> list[StatusLine]:
        """All complete lines of a trainer that is gone; what it left half-written is cut off.

        Lines that say nothing usable are passed over: the launch that wrote them was judged already.
        """
        if not self._path.exists():
            return []
        data = self._path.read_bytes()
        complete = data[: data.rfind(b"\n") + 1]
        os.truncate(self._path, len(complete))
        return [line for raw in complete.splitlines() if (line := self._parse_leniently(raw)) is not None]

    def _parse_leniently(self, raw: bytes) -> StatusLine | None:
        try:
            return self._parse(raw)
        except StatusError:
            return None

    def _parse(self, line: bytes) -> StatusLine:
        try:
            found = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise self._error(line, f"not JSON ({error})") from error
        if not isinstance(found, dict):
            raise self._error(line, "not a JSON object")
        return StatusLine(
            status=str(found.get("status", "")),
            message=str(found.get("message", "")),
            epoch=self._count(line, found, "epoch"),
            max_epoch=self._count(line, found, "max_epoch") or 0,
            kpi=self._numbers(line, found.get("kpi") or {}),
        )

    def _count(self, line: bytes, found: Mapping[str, Any], key: str) -> int | None:
        value = found.get(key)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
            return value
        raise self._error(line, f"{key} is {value!r}, a count was expected")

    def _numbers(self, line: bytes, kpi: Any) -> dict[str, float]:
        if not isinstance(kpi, dict):
            raise self._error(line, f"kpi is {kpi!r}, an object of numbers was expected")
        for name, value in kpi.items():
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise self._error(line, f"kpi {name} is {value!r}, a number was expected")
        return {name: value for name, value in kpi.items() if value is not None and _is_finite(value)}

    def _error(self, line: bytes, what: str) -> StatusError:
        shown = line[:200].decode("utf-8", "replace").strip()
        return StatusError(f"{what} in the line {shown!r}", where=str(self._path))


def _is_finite(value: float) -> bool:
    """Whether a number can be a measurement; one that no float can hold is none."""
    return abs(value) <= sys.float_info.max
