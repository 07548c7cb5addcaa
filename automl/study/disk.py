"""Whether the disk still holds what a study has to write: asked before it runs out, not after."""

from __future__ import annotations

import errno
import os
import shutil
import time
from pathlib import Path

from automl.errors import EnvironmentUnusableError
from automl.study.store import StudyFolder
from automl.trials.folder import TrialFolder

__all__ = ["DiskWatch", "raise_if_disk_failed"]

_LEAST_FREE_BYTES = 2**16
_LOOK_EVERY_S = 5.0
_REFUSALS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}


class DiskWatch:
    """Holds a study against its quota, and the disk against the next checkpoint.

    Args:
        folder: of the study.
        quota_bytes: what the study may take; None is all there is.
    """

    def __init__(self, folder: StudyFolder, quota_bytes: int | None = None) -> None:
        self._folder = folder
        self._quota_bytes = quota_bytes
        self._checkpoint_bytes = 0
        self._looked_at = -_LOOK_EVERY_S

    def after_report(self, trial: TrialFolder) -> None:
        """Learn how large a checkpoint is, and look at the quota now and then.

        Raises:
            EnvironmentUnusableError: the study takes more than it may.
        """
        if checkpoints := trial.list_checkpoints():
            self._checkpoint_bytes = max(self._checkpoint_bytes, checkpoints[-1].path.stat().st_size)
        if time.monotonic() - self._looked_at >= _LOOK_EVERY_S:
            self._check_quota()

    def check(self) -> None:
        """Look before a launch.

        Raises:
            EnvironmentUnusableError: the study takes more than it may, or no checkpoint would fit any more.
        """
        self._check_quota()
        free, needed = shutil.disk_usage(self._folder.root).free, self._needed_bytes()
        if free < needed:
            raise EnvironmentUnusableError(
                f"the disk has {_shown(free)} left, a trial needs {_shown(needed)}",
                where=str(self._folder.root),
                hint=f"all trials are kept; make room, then: {self._folder.command('resume')}",
            )

    def has_room(self) -> bool:
        """Whether a trial that failed now did so with room on the disk."""
        return shutil.disk_usage(self._folder.root).free >= self._needed_bytes()

    def _needed_bytes(self) -> int:
        return self._checkpoint_bytes + _LEAST_FREE_BYTES

    def _check_quota(self) -> None:
        self._looked_at = time.monotonic()
        if self._quota_bytes is None or (used := _used_bytes(self._folder.root)) <= self._quota_bytes:
            return
        raise EnvironmentUnusableError(
            f"takes {_shown(used)}, allowed are {_shown(self._quota_bytes)}",
            where=f"{self._folder.root}: --disk-quota",
            hint=f"all trials are kept; remove what nobody needs, then: {self._folder.command('resume')}",
        )


def raise_if_disk_failed(error: BaseException, folder: StudyFolder) -> None:
    """Tell a disk that refused to be written from a defect of the program.

    Raises:
        EnvironmentUnusableError: the error came of a disk that is full, over quota, read-only or broken.
    """
    if isinstance(error, OSError) and error.errno in _REFUSALS:
        way_on = folder.command("resume") if folder.sheet.exists() else "the same command again"
        raise EnvironmentUnusableError(
            f"cannot be written: {error.strerror}",
            where=str(error.filename or folder.root),
            hint=f"all that was recorded is safe; mend it, then: {way_on}",
        ) from error


def _used_bytes(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                total += (Path(place) / name).lstat().st_size
            except FileNotFoundError:
                continue
    return total


def _shown(size: int) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size //= 1000
    return f"{size:.0f} GB"
