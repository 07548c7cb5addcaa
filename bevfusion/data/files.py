"""Writes files that are either whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["write_whole"]


def write_whole(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a file under another name, then rename it: nobody reads half of it.

    Args:
        path: target; its folder exists.
        data: content.
        durable: survive a power cut as well; costs milliseconds a file.

    Raises:
        OSError: it could not be written; what was there before is still there, and nothing else.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with part.open("wb") as stream:
            stream.write(data)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
