"""How a training ends when it does not end well: out of memory, or asked to leave."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import torch

from bevfusion import checkpoints
from bevfusion.errors import OutOfMemoryError
from bevfusion.launch import TERMINATED, is_worker, leave_failure
from bevfusion.status import Phase, StatusWriter

__all__ = ["memory_errors_named", "reported_termination"]


class _TerminatedError(SystemExit):
    """SIGTERM as an exception, so that every ``finally`` on the way out is run."""


@contextmanager
def memory_errors_named() -> Iterator[None]:
    """Tell running out of memory, on a GPU or on the CPU, from a defect.

    Raises:
        OutOfMemoryError: in place of what torch or Python raised.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise _out_of_memory(error) from error
    except RuntimeError as error:
        if "DefaultCPUAllocator" not in str(error):
            raise
        raise _out_of_memory(error) from error


@contextmanager
def reported_termination(results_dir: Path) -> Iterator[None]:
    """Leave on SIGTERM with a last status line that says where to go on.

    Every finished epoch is on disk already; the steps of the unfinished one are given up, for only then does
    a resumed training equal an uninterrupted one. One of several processes tells the process that started it,
    which writes the line.
    """
    before = signal.signal(signal.SIGTERM, _raise_terminated)
    try:
        yield
    except _TerminatedError:
        newest = checkpoints.latest(results_dir / "checkpoints")
        message = f"stopped by SIGTERM; {f'resume from {newest}' if newest else 'no epoch was finished'}"
        if is_worker(os.environ):
            leave_failure(message, TERMINATED)
        else:
            StatusWriter(results_dir / "status.json").write(Phase.FAILURE, message)
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _raise_terminated(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # a second one must not cut short what the first one started
    raise _TerminatedError(TERMINATED)


def _out_of_memory(error: BaseException) -> OutOfMemoryError:
    return OutOfMemoryError(
        str(error).splitlines()[0] or "out of memory",
        where="dataset.train_dataset.batch_size",
        hint="lower the batch size and raise train.accumulation, or set model.img_backbone.with_cp",
    )
