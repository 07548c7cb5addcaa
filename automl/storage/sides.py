"""Which of the two copies of a study goes on where the other ends: this machine's, or the store's."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from automl.adapters.object_store import RemoteFile, RemoteFolder
from automl.storage.ledger import Ledger

__all__ = ["EVENTS", "Side", "find_side"]

EVENTS = "events.jsonl"


class Side(Enum):
    """Whose copy of a study is the newer one."""

    HERE = "here"
    THERE = "there"
    FORKED = "forked"


def find_side(remote: RemoteFolder, events: RemoteFile | None, study: Path) -> Side:
    """Compare the events, the append-only truth of a study; equal ones are as good here.

    Args:
        remote: where results lie.
        events: those of the study there; None for none.
        study: the study's folder on this machine.

    Raises:
        EnvironmentUnusableError: the store does not answer.
    """
    ours = study / EVENTS
    if events is None or not ours.exists():
        return Side.THERE if events else Side.HERE
    known, entry = Ledger(study)[EVENTS], ours.stat()
    if known and known.version == events.version:
        return Side.HERE
    if known and known.is_of(entry):
        return Side.THERE
    return _compare(_whole_lines(ours.read_bytes()), _whole_lines(remote.read(events.name)))


def _compare(ours: bytes, theirs: bytes) -> Side:
    if ours.startswith(theirs):
        return Side.HERE
    return Side.THERE if theirs.startswith(ours) else Side.FORKED


def _whole_lines(content: bytes) -> bytes:
    """Without a last line that was cut short, which whoever goes on takes away."""
    return content[: content.rfind(b"\n") + 1]
