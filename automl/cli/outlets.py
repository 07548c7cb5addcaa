"""Output that nobody reads any more: a study goes on without it."""

from __future__ import annotations

import errno
import io
import sys
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
    """Make standard output and error of this process such outlets, where they are files."""
    sys.stdout, sys.stderr = _kept(sys.stdout), _kept(sys.stderr)


def _kept(stream: TextIO) -> TextIO:
    buffer = getattr(stream, "buffer", None)
    if not isinstance(getattr(buffer, "raw", buffer), io.FileIO):  # unbuffered, it is the raw one
        return stream
    stream.flush()
    outlet = io.BufferedWriter(_Outlet(stream.fileno(), "wb", closefd=False))
    is_prompt = stream.line_buffering or not hasattr(buffer, "raw")
    return io.TextIOWrapper(outlet, stream.encoding, stream.errors, line_buffering=bool(is_prompt))
