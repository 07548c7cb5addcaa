"""What of a study was sent to its store or came from there: neither side overwrites news of the other."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from automl.trials.folder import write_atomically

__all__ = ["Copy", "Ledger"]

_NAME = ".copies.json"


@dataclass(frozen=True)
class Copy:
    """One file at the moment at which both sides held the same.

    Attributes:
        changed_ns: when it was last changed here.
        bytes: its size.
        version: what the store says of its content.
    """

    changed_ns: int
    bytes: int
    version: str

    @classmethod
    def of(cls, entry: os.stat_result, version: str) -> Copy:
        """The copy that a file of this machine is."""
        return cls(entry.st_mtime_ns, entry.st_size, version)

    def is_of(self, entry: os.stat_result) -> bool:
        """Whether a file of this machine is still that."""
        return (entry.st_mtime_ns, entry.st_size) == (self.changed_ns, self.bytes)


class Ledger:
    """File name to the copy that both sides held; lies in the study's folder and is not sent.

    Clocks say nothing here: that of a store may be ahead of this machine's. A ledger that is missing or
    damaged knows nothing, and what is not known is compared by content.

    Args:
        study: folder of the study.
    """

    def __init__(self, study: Path) -> None:
        self._path = study / _NAME
        self._copies = _read(self._path)

    def __getitem__(self, name: str) -> Copy | None:
        """What both sides held of a file; None when that is not known."""
        return self._copies.get(name)

    def names(self) -> Iterable[str]:
        """All files of which both sides held the same."""
        return tuple(self._copies)

    def note(self, name: str, copy: Copy) -> None:
        """Both sides hold this now."""
        self._copies[name] = copy

    def forget(self, name: str) -> None:
        """Both sides hold it no more."""
        self._copies.pop(name, None)

    def write(self) -> None:
        """Keep it for the next process.

        Raises:
            OSError: it cannot be written.
        """
        text = json.dumps({name: asdict(copy) for name, copy in self._copies.items()})
        write_atomically(self._path, text + "\n")


def _read(path: Path) -> dict[str, Copy]:
    try:
        return {name: Copy(**fields) for name, fields in json.loads(path.read_text("utf-8")).items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}
