"""The append-only truth of a study: one synced line per event, chained to the line before."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, get_args

from automl.errors import StudyError
from automl.types import Cause, Origin, Params, Report, Role, TrialId, TrialState

__all__ = [
    "EpochReported",
    "Event",
    "EventLog",
    "StudyEnded",
    "StudyStarted",
    "TrialEnded",
    "TrialPaused",
    "TrialQueued",
    "TrialStarted",
    "TrialSuggested",
    "read_events",
]

_FIRST_DIGEST = "0" * 64


@dataclass(frozen=True)
class StudyStarted:
    """A controller took the study in hand; pid and start (clock ticks since boot) tell whether it lives."""

    pid: int
    process_start: int


@dataclass(frozen=True)
class TrialSuggested:
    """A trial exists and waits for resources; the fields are those of `automl.types.TrialRecord`."""

    trial: TrialId
    params: Params
    origin: Origin | None = None
    seed: int = 0
    role: Role = Role.SEARCH
    reason: str = ""


@dataclass(frozen=True)
class TrialStarted:
    """A trial got its resources."""

    trial: TrialId


@dataclass(frozen=True)
class EpochReported:
    """A trial finished an epoch."""

    trial: TrialId
    report: Report


@dataclass(frozen=True)
class TrialPaused:
    """A trial gave its resources back and can go on from its newest checkpoint."""

    trial: TrialId
    cause: Cause = Cause.USER


@dataclass(frozen=True)
class TrialQueued:
    """A trial that had begun waits for resources again: promoted, tried again, or found without its process.

    Attributes:
        reason: in words.
        failure: what ended its last launch; `Cause.NONE` when nothing failed.
        evidence: exit code and last lines of the log of that launch.
    """

    trial: TrialId
    reason: str
    failure: Cause = Cause.NONE
    evidence: str = ""


@dataclass(frozen=True)
class TrialEnded:
    """A trial reached a final state and its processes are gone."""

    trial: TrialId
    state: TrialState
    cause: Cause = Cause.NONE
    evidence: str = ""


@dataclass(frozen=True)
class StudyEnded:
    """The controller is done; ``phase`` is the last one of `automl.study.state.Phase`."""

    phase: str
    verdict: Mapping[str, Any] | None = field(default=None)


Event = (
    StudyStarted
    | TrialSuggested
    | TrialStarted
    | EpochReported
    | TrialPaused
    | TrialQueued
    | TrialEnded
    | StudyEnded
)
_KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in get_args(Event)}


class EventLog:
    """Writes events; opening an existing file checks it and goes on after its last complete line.

    Args:
        path: ``events.jsonl`` of the study.

    Raises:
        StudyError: the existing file is not an unbroken chain.
    """

    def __init__(self, path: Path) -> None:
        self._digest, size = _FIRST_DIGEST, 0
        if path.exists():
            for line in _complete_lines(path):
                _decode(path, line, self._digest)
                self._digest, size = _digest(line), size + len(line)
            os.truncate(path, size)
        self._stream = path.open("ab")

    def append(self, event: Event) -> float:
        """Write one event and sync it to disk; the POSIX time it was stamped with."""
        now = time.time()
        entry = {"time": now, "kind": type(event).__name__, "data": asdict(event), "previous": self._digest}
        line = json.dumps(entry, allow_nan=False).encode() + b"\n"
        self._stream.write(line)
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._digest = _digest(line)
        return now

    def __enter__(self) -> EventLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()


def read_events(path: Path) -> Iterator[tuple[float, Event]]:
    """All complete events with their times; a line that is still being written is left out.

    Raises:
        StudyError: a line is damaged or does not follow from the one before it.
    """
    digest = _FIRST_DIGEST
    for line in _complete_lines(path):
        yield _decode(path, line, digest)
        digest = _digest(line)


def _complete_lines(path: Path) -> Iterator[bytes]:
    with path.open("rb") as stream:
        for line in stream:
            if line.endswith(b"\n"):
                yield line


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


def _decode(path: Path, line: bytes, expected: str) -> tuple[float, Event]:
    try:
        entry = json.loads(line)
        kind, data, moment = _KINDS[entry["kind"]], entry["data"], float(entry["time"])
        previous = entry["previous"]
        event: Event = kind(**_typed(data))
    except (ValueError, KeyError, TypeError) as error:
        raise StudyError(
            f"damaged event {line[:120].decode('utf-8', 'replace')!r}: {error}", where=str(path)
        ) from error
    if previous != expected:
        raise StudyError(
            f"the event {line[:120].decode('utf-8', 'replace')!r} follows {previous[:12]}, "
            f"but the line before it is {expected[:12]}: lines were changed, lost or added",
            where=str(path),
        )
    return moment, event


def _typed(data: dict[str, Any]) -> dict[str, Any]:
    """JSON values as the types of the event classes; lists among parameters were tuples."""
    typed = dict(data)
    for name, kind in (("state", TrialState), ("cause", Cause), ("failure", Cause), ("role", Role)):
        if name in typed:
            typed[name] = kind(typed[name])
    for name, parts in (("report", Report), ("origin", Origin)):
        if typed.get(name):
            typed[name] = parts(**typed[name])
    if "params" in typed:
        typed["params"] = {name: _tuples(value) for name, value in typed["params"].items()}
    return typed


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
