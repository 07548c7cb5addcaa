"""One launch of a trial at a time, on whatever machines.

A node that is cut off is given up by its cluster, and its trials go on elsewhere; yet for a minute or more
its trainers know nothing of that. So each guard keeps a hidden file in the trial's folder, named by its
machine. A launch on another machine writes into what it finds there, which asks for leave, and begins once
it is gone.
"""

from __future__ import annotations

import logging
import os
import time
import uuid
from contextlib import suppress
from pathlib import Path

from automl.trials.folder import TrialFolder

__all__ = ["claim_folder", "new_claim"]

_LOG = logging.getLogger(__name__)
_PREFIX = ".launch-"
_POLL_S = 0.1


def new_claim(trial: TrialFolder) -> Path:
    """The file that a trainer's guard deletes when nothing of that trainer is left; it holds the folder."""
    path = trial.root / f"{_PREFIX}{_machine()}-{uuid.uuid4().hex}"
    path.touch()
    return path


def claim_folder(trial: TrialFolder, *, patience_s: float) -> None:
    """Have all earlier launches of a trial leave its folder; those of this machine have to be gone before.

    Args:
        trial: its folder, on a disk that all machines share.
        patience_s: how long launches elsewhere may take; a machine that is gone for good never answers.
    """
    for over in trial.root.glob(f"{_PREFIX}{_machine()}-*"):
        over.unlink(missing_ok=True)
    for held in trial.root.glob(f"{_PREFIX}*"):
        with suppress(FileNotFoundError), held.open("r+") as file:
            file.write("leave\n")
    deadline = time.monotonic() + patience_s
    while (others := list(trial.root.glob(f"{_PREFIX}*"))) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    for gone in others:
        _LOG.warning("trial=%s the machine of its last launch does not answer", trial.root.name)
        gone.unlink(missing_ok=True)


def _machine() -> str:
    """What tells this machine, or this container, from others until it is started again."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    return f"{boot}.{os.stat('/proc/self/ns/pid').st_ino}"  # noqa: PTH116 - a link that leads nowhere
