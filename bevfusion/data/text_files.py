"""The text files that data sets are described by: numbered lines, and numbers that are numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bevfusion.errors import DataError, Fault

__all__ = ["numbered_lines", "parse_floats", "read_names"]

_MOST_FAULTS_TOLD = 20
_LONGEST_NAME = 60  # in whatever alphabet, and with an ending, a name of a file has 255 bytes


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Go through the lines that are not empty, each stripped and with its number.

    Raises:
        DataError: the file is missing or not text.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        hint = "restore it, or remove the frame from the lists of frames"
        raise DataError("the file is missing", where=str(path), hint=hint) from None
    except UnicodeDecodeError:
        raise DataError("the file is not text", where=str(path), hint="restore the original file") from None
    except OSError as error:
        raise DataError(
            f"cannot be read ({error.strerror})", where=str(path), hint="restore the file"
        ) from error
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield number, line.strip()


def parse_floats(words: Sequence[str]) -> NDArray[np.float64] | None:
    """Read numbers; None when one of the words is not a finite number."""
    try:
        values = [float(word) for word in words]
    except ValueError:
        return None
    return np.array(values, dtype=np.float64) if all(map(math.isfinite, values)) else None


def read_names(path: Path, *, kind: str, hint: str, is_numeric: bool = False) -> dict[str, int]:
    """Read a list of names, one a line.

    Args:
        path: a missing or empty file is an empty list.
        kind: what is named, for messages.
        hint: how a name is written.
        is_numeric: whether names are numbers; else they are names of folders.

    Returns:
        Line of each name, in the order of the file.

    Raises:
        DataError: a name that cannot be one, or that is listed twice.
    """
    names: dict[str, int] = {}
    faults = []
    for line, name in numbered_lines(path) if path.exists() else ():
        where = f"{path}:{line}"
        if len(name) > _LONGEST_NAME:
            faults.append(Fault(f"{kind} name {name[:20]!r}... has {len(name)} letters", where, hint))
        elif is_numeric and not name.isdecimal():
            faults.append(Fault(f"{kind} name {name!r} is not a number", where, hint))
        elif not is_numeric and (name in {".", ".."} or Path(name).name != name or not name.isprintable()):
            faults.append(Fault(f"{kind} name {name!r} is not the name of a folder", where, hint))
        elif name in names:
            faults.append(
                Fault(f"{kind} {name} is already in line {names[name]}", where, f"list each {kind} once")
            )
        else:
            names[name] = line
    if faults:
        more = len(faults) - _MOST_FAULTS_TOLD
        rest = [Fault(f"{more} more names are not right", str(path), hint)] if more > 0 else []
        raise DataError(faults[:_MOST_FAULTS_TOLD] + rest)
    return names
