"""The append-only truth of a study: one synced line per event, chained to the line before."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, get_args

from automl.errors import EnvironmentUnusableError, StudyError, UsageError
from automl.study.clock import SteadyClock
from automl.study.store import StudyFolder
from automl.trials.folder import sync_folder
from automl.types import Cause, Origin, Params, Report, Role, TrialId, TrialState

__all__ = [
    "EpochReported",
    "Event",
    "EventLog",
    "EventReader",
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


@dataclass(frozen=True, slots=True)
class StudyStarted:
    """A controller took the study in hand; host, pid and start (ticks since boot) tell whether it lives."""

    pid: int
    process_start: int
    host: str = ""


@dataclass(frozen=True, slots=True)
class TrialSuggested:
    """A trial exists and waits for resources; the fields are those of `automl.types.TrialRecord`."""

    trial: TrialId
    params: Params
    origin: Origin | None = None
    seed: int = 0
    role: Role = Role.SEARCH
    reason: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class TrialStarted:
    """A trial got its resources."""

    trial: TrialId


@dataclass(frozen=True, slots=True)
class EpochReported:
    """A trial finished an epoch."""

    trial: TrialId
    report: Report


@dataclass(frozen=True, slots=True)
class TrialPaused:
    """A trial gave its resources back and can go on from its newest checkpoint."""

    trial: TrialId
    cause: Cause = Cause.USER


@dataclass(frozen=True, slots=True)
class TrialQueued:
    """A trial that had begun waits for resources again: promoted, tried again, or found without its process.

    Attributes:
        reason: in words.
        failure: what ended its last launch; `Cause.NONE` when nothing failed.
        evidence: exit code and last lines of the log of that launch.
        changes: spec keys that the next launch has otherwise, with their values.
    """

    trial: TrialId
    reason: str
    failure: Cause = Cause.NONE
    evidence: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrialEnded:
    """A trial reached a final state and its processes are gone."""

    trial: TrialId
    state: TrialState
    cause: Cause = Cause.NONE
    evidence: str = ""


@dataclass(frozen=True, slots=True)
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
_PLAIN: Mapping[str, Any] = {
    **dict.fromkeys(("trial", "host", "reason", "source", "evidence", "phase"), str),
    **dict.fromkeys(("pid", "process_start", "seed"), int),
    **dict.fromkeys(("params", "changes"), dict),
    "verdict": dict | None,
}
_ENUMS: Mapping[str, type[Any]] = {"state": TrialState, "cause": Cause, "failure": Cause, "role": Role}
_PARTS: Mapping[str, type[Any]] = {"report": Report, "origin": Origin}
_KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in get_args(Event)}


class EventLog:
    """Writes events; opening an existing file checks it and goes on after its last complete line.

    The file is locked while it is open, so that two controllers never write one study. Each line is written
    whole or, when the disk is full, not at all.

    Args:
        path: ``events.jsonl`` of the study.

    Raises:
        StudyError: the existing file is not an unbroken chain.
        UsageError: another process writes it.
        EnvironmentUnusableError: it cannot be opened for writing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = _open_locked(path)
        try:
            self._digest, self._size, last_s = _FIRST_DIGEST, 0, 0.0
            for line in _complete_lines(path):
                last_s, _ = _decode(path, line, self._digest)
                self._digest, self._size = _digest(line), self._size + len(line)
            os.ftruncate(self._descriptor, self._size)
        except BaseException:
            os.close(self._descriptor)
            raise
        self._clock = SteadyClock(last_s)

    def now(self) -> float:
        """POSIX seconds as events are stamped with."""
        return self._clock.now()

    def append(self, event: Event) -> float:
        """Write one event and sync it to disk; the POSIX time it was stamped with.

        Raises:
            EnvironmentUnusableError: it cannot be written; the file is as it was before.
        """
        now = self.now()
        entry = {"time": now, "kind": type(event).__name__, "data": asdict(event), "previous": self._digest}
        line = json.dumps(entry, allow_nan=False).encode() + b"\n"
        try:
            _write_synced(self._descriptor, line)
        except OSError as error:
            os.ftruncate(self._descriptor, self._size)
            way_on = StudyFolder(self._path.parent).command("resume")
            raise EnvironmentUnusableError(
                f"cannot be written: {error.strerror}",
                where=str(self._path),
                hint=f"all before is safe; make room, then: {way_on}",
            ) from error
        except BaseException:
            os.ftruncate(self._descriptor, self._size)
            raise
        self._digest, self._size = _digest(line), self._size + len(line)
        return now

    def __enter__(self) -> EventLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)


class EventReader:
    """Follows the events of a study while they are written.

    Args:
        path: ``events.jsonl`` of the study; it need not exist yet.

    Attributes:
        origin: digest of the first event, which no other study has; empty before it was read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.origin = ""
        self._offset, self._digest = 0, _FIRST_DIGEST

    def read_new(self) -> list[tuple[float, Event]]:
        """Complete events since the last call with their times; one that is still being written comes later.

        Raises:
            StudyError: a line is damaged or does not follow from the one before it.
        """
        return list(self._iterate()) if self._path.exists() else []

    def _iterate(self) -> Iterator[tuple[float, Event]]:
        for line in _complete_lines(self._path, self._offset):
            entry = _decode(self._path, line, self._digest)
            self._offset, self._digest = self._offset + len(line), _digest(line)
            self.origin = self.origin or self._digest
            yield entry


def read_events(path: Path) -> Iterator[tuple[float, Event]]:
    """All complete events with their times; a line that is still being written is left out.

    A study before its first event has none.

    Raises:
        StudyError: a line is damaged or does not follow from the one before it.
    """
    digest = _FIRST_DIGEST
    for line in _complete_lines(path) if path.exists() else ():
        yield _decode(path, line, digest)
        digest = _digest(line)


def _open_locked(path: Path) -> int:
    is_new = not path.exists()
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags, 0o644)
    except OSError as error:
        raise EnvironmentUnusableError(f"cannot be written: {error.strerror}", where=str(path)) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        folder = StudyFolder(path.parent)
        raise UsageError(
            f"{folder.id} is run by a living controller",
            where=str(path),
            hint=f"look at it with: {folder.command('status')}; end it with: {folder.command('stop')}",
        ) from error
    if is_new:
        sync_folder(path.parent)
    return descriptor


def _write_synced(descriptor: int, line: bytes) -> None:
    rest = memoryview(line)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    os.fsync(descriptor)


def _complete_lines(path: Path, offset: int = 0) -> Iterator[bytes]:
    with path.open("rb") as stream:
        stream.seek(offset)
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
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise StudyError(
            f"damaged event {line[:120].decode('utf-8', 'replace')!r}: {error}", where=str(path)
        ) from error
    if previous != expected:
        raise StudyError(
            f"the event {line[:120].decode('utf-8', 'replace')!r} follows {str(previous)[:12]}, "
            f"but the line before it is {expected[:12]}: lines were changed, lost or added",
            where=str(path),
        )
    return moment, event


def _typed(data: dict[str, Any]) -> dict[str, Any]:
    """JSON values as the types of the event classes; lists among parameters were tuples."""
    typed = dict(data)
    for name, value in data.items():
        if not isinstance(value, _PLAIN.get(name, object)):
            raise TypeError(f"{name} is {value!r}")
        if name in _ENUMS:
            typed[name] = _ENUMS[name](value)
        elif name in _PARTS and value:
            typed[name] = _PARTS[name](**value)
    if "report" in typed:
        _check_report(typed["report"])
        typed["report"] = replace(typed["report"], kpi=_shared(typed["report"].kpi))
    if "params" in typed:
        typed["params"] = _shared({name: _tuples(value) for name, value in typed["params"].items()})
    return typed


def _shared(named: Mapping[str, Any]) -> dict[str, Any]:
    """The same with names that all events share: each line brings its own copy, of all trials alike."""
    return {sys.intern(name): value for name, value in named.items()}


def _check_report(report: Any) -> None:
    numbers = [report.value, *report.kpi.values()]
    if not isinstance(report.epoch, int) or not isinstance(report.max_epoch, int):
        raise TypeError(f"the epoch is {report.epoch!r} of {report.max_epoch!r}")
    if not all(number is None or isinstance(number, int | float) for number in numbers):
        raise TypeError(f"the measures are {numbers!r}")


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
