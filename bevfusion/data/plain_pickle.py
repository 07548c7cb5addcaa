"""Pickles of builtins only (dicts, lists, strings, numbers): one that can name a class can run code."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

from bevfusion.errors import DataError

__all__ = ["dump_plain", "load_plain"]


def dump_plain(content: Any) -> bytes:
    """Pickle builtins; equal content gives equal bytes, so that files can be compared by hash."""
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream, protocol=4)
    pickler.fast = True  # without memo: however the content's strings were shared
    pickler.dump(content)
    return stream.getvalue()


def load_plain(path: Path, *, what: str, hint: str) -> Any:
    """Read a pickle without trusting it.

    Args:
        path: file of :func:`dump_plain`.
        what: the kind of file, for messages.
        hint: how to make it anew.

    Raises:
        DataError: missing file, damaged, or naming anything that is not a builtin value.
    """
    if not path.is_file():
        raise DataError(f"the {what} is missing", where=str(path), hint=hint)
    try:
        with path.open("rb") as stream:
            return _PlainUnpickler(stream).load()
    except (
        pickle.UnpicklingError,
        EOFError,
        ValueError,
        IndexError,
        KeyError,
        AttributeError,
        TypeError,
        OverflowError,
        MemoryError,
    ) as error:
        message = f"not a plain pickle of bevfusion ({str(error) or type(error).__name__})"
        raise DataError(message, where=str(path), hint=hint) from error


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it names {module}.{name}")
