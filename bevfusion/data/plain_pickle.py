"""Pickles of builtins only (dicts, lists, strings, numbers): one that can name a class can run code."""

from __future__ import annotations

import io
import pickle
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bevfusion.errors import DataError

__all__ = ["PlainFormat", "dump_plain", "load_plain"]


@dataclass(frozen=True)
class PlainFormat:
    """A kind of plain pickle: a dict whose ``metainfo`` names format and version.

    Attributes:
        what: the kind of file, for messages.
        name: as ``metainfo`` names it.
        version: of what is written and read today.
        hint: how to make a file anew.
    """

    what: str
    name: str
    version: int
    hint: str

    def load(self, path: Path) -> dict[str, Any]:
        """Read a file of this format without trusting it; its entries are not looked at.

        Raises:
            DataError: missing file, not a plain pickle, or of another format or version.
        """
        content = load_plain(path, what=self.what, hint=self.hint)
        meta = content.get("metainfo") if isinstance(content, dict) else None
        if not isinstance(meta, dict) or meta.get("format") != self.name:
            article = "an" if self.what[0] in "aeiou" else "a"
            raise self.refusal(path, f"not {article} {self.what} of bevfusion")
        if meta.get("version") != self.version:
            raise self.refusal(
                path,
                f"{self.what} of version {meta.get('version')}, this program reads version {self.version}",
            )
        return dict(content)

    def damaged(self, path: Path, error: Exception) -> DataError:
        """The error of a file with an entry that cannot be read."""
        return self.refusal(path, f"an entry is damaged or lacks a key ({error!r})")

    def refusal(self, path: Path, message: str) -> DataError:
        """An error that names the file and how to make it anew."""
        return DataError(message, where=str(path), hint=self.hint)


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
        struct.error,
    ) as error:
        message = f"not a plain pickle of bevfusion ({str(error) or type(error).__name__})"
        raise DataError(message, where=str(path), hint=hint) from error


class _PlainUnpickler(pickle._Unpickler):
    """Python's own unpickler: that in C makes room for any index that a file names, 32 GB for ten bytes."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"it names {module}.{name}")
