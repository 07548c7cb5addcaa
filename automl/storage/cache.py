"""The folder of this machine that holds copies: locks, quota, and who has to go when it is full."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from automl.errors import EnvironmentUnusableError, UsageError

__all__ = ["cache_root", "hold", "locked", "make_room"]

_LOG = logging.getLogger(__name__)
_QUOTA, _DEFAULT_QUOTA_GB = "AUTOML_CACHE_GB", "100"
_GB = 1e9
_held: dict[Path, int] = {}


def cache_root() -> Path:
    """Where copies lie: ``AUTOML_CACHE``, else ``~/.cache/automl``."""
    return Path(os.environ.get("AUTOML_CACHE") or "~/.cache/automl").expanduser().resolve()


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Have a folder of the cache to oneself: whoever else asks waits, on this machine."""
    descriptor = _open_lock(folder)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def hold(folder: Path) -> None:
    """Keep a folder from being evicted as long as this process lives."""
    if folder not in _held:
        descriptor = _open_lock(folder, ".use")
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        _held[folder] = descriptor


def make_room(folder: Path, needed_bytes: int) -> None:
    """Evict what was not used for longest, until a new folder beside the others fits.

    Args:
        folder: the one to come; its neighbours share its quota.
        needed_bytes: what it will take.

    Raises:
        EnvironmentUnusableError: it does not fit, even alone beside what is in use.
        UsageError: the quota is no number.
    """
    quota = _quota_bytes()
    others = {path: _size(path) for path in folder.parent.iterdir() if path.is_dir() and path != folder}
    for path in sorted(others, key=lambda path: path.stat().st_mtime):
        if sum(others.values()) + needed_bytes <= quota:
            break
        if _evict(path):
            del others[path]
    free = shutil.disk_usage(folder.parent).free
    allowed = min(quota - sum(others.values()), free)
    if needed_bytes > allowed:
        raise EnvironmentUnusableError(
            f"{needed_bytes / _GB:.2f} GB are to be staged, there is room for {max(0, allowed) / _GB:.2f} GB "
            f"(quota {quota / _GB:.0f} GB, free on the disk {free / _GB:.1f} GB)",
            where=str(folder.parent),
            hint=f"set {_QUOTA} to more, or AUTOML_CACHE to a larger disk",
        )


def _evict(folder: Path) -> bool:
    """Delete a folder that no process holds."""
    descriptor = _open_lock(folder, ".use")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        _LOG.info("cache=%s evicted %s", folder.parent, folder.name)
        shutil.rmtree(folder, ignore_errors=True)
        return True
    finally:
        os.close(descriptor)


def _open_lock(folder: Path, suffix: str = ".lock") -> int:
    folder.parent.mkdir(parents=True, exist_ok=True)
    return os.open(folder.with_name(folder.name + suffix), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _quota_bytes() -> int:
    text = os.environ.get(_QUOTA) or _DEFAULT_QUOTA_GB
    try:
        return int(float(text) * _GB)
    except ValueError as error:
        raise UsageError(
            f"{text!r} is no number of gigabytes", where=_QUOTA, hint="write a number such as 200"
        ) from error


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
