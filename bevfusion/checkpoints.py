"""Checkpoints on disk: names that tell the epoch, files never half-written, loads that run no code.

With a key in the environment (see `bevfusion.encryption`) they are written sealed, under the same names.
"""

from __future__ import annotations

import io
import os
import pickle
import re
import struct
import zipfile
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging.history_buffer import HistoryBuffer
from numpy.core.multiarray import _reconstruct, scalar  # type: ignore[attr-defined]

from bevfusion.encryption import KEY_VARIABLE, MAGIC, WrongKeyError, decrypt, encrypt, read_key
from bevfusion.errors import CheckpointError

__all__ = ["checkpoint_path", "latest", "list_epochs", "load", "save"]

# What torch's unpickler says of damaged bytes depends on where they are damaged.
_LOAD_ERRORS = (
    *(pickle.UnpicklingError, RuntimeError, EOFError, OSError, LookupError, ValueError, TypeError),
    *(AttributeError, AssertionError, ArithmeticError, MemoryError, struct.error, zipfile.BadZipFile),
)
_GROUPS = ("meta", "state_dict", "model", "message_hub", "optimizer")
_NAME = re.compile(r"epoch_(\d+)\.pth$")


def checkpoint_path(results_dir: Path, epoch: int) -> Path:
    """Where the checkpoint of an epoch lies: ``<results_dir>/checkpoints/epoch_<n>.pth``."""
    return results_dir / "checkpoints" / f"epoch_{epoch}.pth"


def list_epochs(folder: Path) -> dict[int, Path]:
    """All finished checkpoints of a folder by epoch number, in rising order.

    The number decides, not the text: ``epoch_10`` comes after ``epoch_9``.
    """
    found = {int(match[1]): path for path in folder.glob("*.pth") if (match := _NAME.search(path.name))}
    return dict(sorted(found.items()))


def latest(folder: Path) -> Path | None:
    """The checkpoint with the highest epoch number, None when there is none."""
    epochs = list_epochs(folder)
    return epochs[max(epochs)] if epochs else None


def save(state: Mapping[str, Any], path: Path) -> None:
    """Write a checkpoint under another name, flush it to disk, then rename it.

    Args:
        state: tensors and plain Python values only, so that ``weights_only=True`` can read it back.
        path: final name; whoever sees it sees a whole file. With a key in the environment it is sealed.

    Raises:
        CheckpointError: the disk refused; an older file of that name is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as stream:
            if passphrase := read_key():
                stream.write(encrypt(_to_bytes(state), passphrase))
            else:
                torch.save(dict(state), stream)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    except (OSError, RuntimeError) as error:
        partial.unlink(missing_ok=True)
        # torch tells where its own writer stopped; what the system said is behind that.
        reason = error.__context__ if isinstance(error.__context__, OSError) else error
        raise CheckpointError(
            f"cannot write the checkpoint: {reason}", where=str(path), hint="free disk space, then resume"
        ) from error


def load(path: Path, *, map_location: str = "cpu") -> dict[str, Any]:
    """Read a checkpoint, sealed or plain, without running any code that it may carry.

    Raises:
        CheckpointError: missing, truncated, sealed with a key that is not at hand, or holding objects other
            than tensors and plain values.
    """
    if not path.is_file():
        raise CheckpointError(
            "no such checkpoint", where=str(path), hint="check the path or the parent job id"
        )
    try:
        source = _open(path)
        _check_size(source)
        with torch.serialization.safe_globals(_mmengine_globals()):
            state = torch.load(source, map_location=map_location, weights_only=True)
    except _LOAD_ERRORS as error:
        reason = _reason(error)
        raise CheckpointError(
            f"not a checkpoint that can be loaded safely: {reason}",
            where=str(path),
            hint="only tensors and plain values are accepted; save the bare state dict, or take another file",
        ) from error
    return _checked(state if isinstance(state, dict) else {"state_dict": state}, path)


def _check_size(source: Path | io.BytesIO) -> None:
    """Refuse an archive that grows as it is read, by the gigabyte: torch itself compresses nothing."""
    if not zipfile.is_zipfile(source):
        return
    allowed = source.stat().st_size if isinstance(source, Path) else source.getbuffer().nbytes
    with zipfile.ZipFile(source) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > allowed:
        raise ValueError(f"it unpacks to {unpacked:,} bytes and has {allowed:,}")
    if isinstance(source, io.BytesIO):
        source.seek(0)


def _reason(error: BaseException) -> str:
    """What is wrong in a line; torch's advice to load the file unsafely is left out."""
    found = error.__context__ if isinstance(error, pickle.UnpicklingError) else None
    return next(iter(str(found or error).strip().splitlines()), type(error).__name__)


def _checked(state: dict[str, Any], path: Path) -> dict[str, Any]:
    for name in _GROUPS:
        if not isinstance(state.get(name, {}), Mapping):
            message = f"{name} is a {type(state[name]).__name__} where names with values belong"
            raise CheckpointError(message, where=str(path), hint="take another file")
    return state


def _to_bytes(state: Mapping[str, Any]) -> bytes:
    stream = io.BytesIO()
    torch.save(dict(state), stream)
    return stream.getvalue()


def _open(path: Path) -> Path | io.BytesIO:
    """Something that torch can load: the file, or in memory what was sealed in it."""
    with path.open("rb") as stream:
        if stream.read(len(MAGIC)) != MAGIC:
            return path
    remedy = f"set the environment variable {KEY_VARIABLE} to the key it was written with"
    passphrase = read_key()
    if passphrase is None:
        raise CheckpointError("encrypted, and there is no key", where=str(path), hint=remedy)
    try:
        return io.BytesIO(decrypt(path.read_bytes(), passphrase))
    except WrongKeyError as error:
        raise CheckpointError(f"cannot be decrypted: {error}", where=str(path), hint=remedy) from error


def _mmengine_globals() -> list[Any]:
    """What mmengine puts into its checkpoints beside tensors: a log of scalars, harmless to rebuild."""
    return [
        HistoryBuffer,
        deque,
        np.ndarray,
        np.dtype,
        np.dtypes.Float64DType,
        np.dtypes.Int64DType,
        _reconstruct,
        scalar,
        (_statistic_of_history, "builtins.getattr"),
    ]


def _statistic_of_history(owner: object, name: str) -> object:
    """Stand in for ``getattr``, which a pickle could use to reach anything: methods of the log only."""
    if owner is HistoryBuffer and name in {"min", "max", "mean", "current"}:
        return getattr(owner, name)
    raise pickle.UnpicklingError(f"attribute {name!r} of {owner!r} is not allowed in a checkpoint")
