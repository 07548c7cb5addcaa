"""Writes files that are either whole or not there, one at a time or all together."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["staged", "write_whole"]


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


@contextmanager
def staged(folder: Path) -> Iterator[Path]:
    """Collect files beside their places, and put them there together once all of them are right.

    Args:
        folder: made when missing.

    Yields:
        A folder on the same disk, for the same relative paths. When the block ends well, its files replace
        those of ``folder``; when it does not, ``folder`` is as it was.

    Raises:
        OSError: something cannot be written.
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    stage = Path(tempfile.mkdtemp(prefix=".staged-", dir=folder))
    try:
        yield stage
        _move_into(folder, stage)
    except BaseException:
        shutil.rmtree(stage)
        for path in missing:
            with suppress(OSError):  # somebody else may use it by now
                path.rmdir()
        raise
    shutil.rmtree(stage)


def _move_into(folder: Path, stage: Path) -> None:
    """Move what lies in ``stage``; folders first, since files beside them may name what is in them."""
    for path in sorted(stage.iterdir(), key=lambda path: (path.is_file(), path.name)):
        target = folder / path.name
        if path.is_dir() and target.exists():
            _move_into(target, path)
        else:
            path.replace(target)
