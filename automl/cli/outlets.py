"""Output that nobody reads any more: a study goes on without it."""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress
from typing import TextIO

__all__ = ["keep_talking"]

_NOBODY_THERE = {errno.EPIPE, errno.EIO}


class _Outlet(io.FileIO):
    """A file descriptor whose reader may leave: what is said to it from then on is lost, and nothing else.

    Without it, a pager that is closed or a terminal that hangs up ended the study whose progress it showed.
    """

    def write(self, data: object, /) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]  # any buffer, as the parent takes it
        except OSError as error:
            if error.errno not in _NOBODY_THERE:
                raise
            return memoryview(data).nbytes  # type: ignore[arg-type]


def keep_talking() -> None:
    """Make standard output and error of this process such outlets, where they are files.

    Those that were closed before it began are opened on nothing: their numbers would go to the next files
    that are opened, and children would write into these.
    """
    for number in range(3):
        with suppress(OSError):
            os.fstat(number)
            continue
        os.open(os.devnull, os.O_RDWR)
    sys.stdout, sys.stderr = _kept(sys.stdout, 1), _kept(sys.stderr, 2)


def _kept(stream: TextIO | None, number: int) -> TextIO:
    if stream is None:  # it was closed
        return open(number, "w", closefd=False)
    buffer = getattr(stream, "buffer", None)
    if not isinstance(getattr(buffer, "raw", buffer), io.FileIO):  # unbuffered, it is the raw one
        return stream
    stream.flush()
    outlet = io.BufferedWriter(_Outlet(stream.fileno(), "wb", closefd=False))
    is_prompt = stream.line_buffering or not hasattr(buffer, "raw")
    return io.TextIOWrapper(outlet, stream.encoding, stream.errors, line_buffering=bool(is_prompt))
