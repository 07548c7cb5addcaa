"""torchrun that also tells of a process that was killed: ``python -m bevfusion.torchrun``, same arguments.

torchrun ends with 1 whatever happened, and the processes that lost one of theirs report a broken connection.
Neither tells a machine's fault from a defect; how the processes ended does.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable
from typing import Protocol

from bevfusion.launch import replace_failure

__all__ = ["find_killed"]

_SAME_MOMENT_S = 5


class _End(Protocol):
    """How one process ended, as torchrun's ``ProcessFailure`` says it."""

    local_rank: int
    exitcode: int
    timestamp: int


def find_killed(ends: Iterable[_End]) -> _End | None:
    """The process whose killing ended the job; None where another reason did.

    Args:
        ends: of the processes that failed. torchrun itself ends the rest, by SIGTERM, and by SIGKILL where
            that has not helped for half a minute.
    """
    found = sorted(ends, key=lambda end: end.timestamp)
    at_once = [end for end in found if end.timestamp - found[0].timestamp < _SAME_MOMENT_S]
    return next((end for end in at_once if end.exitcode < 0 and end.exitcode != -signal.SIGTERM), None)


def main(argv: list[str]) -> None:
    """Run torchrun; what it raises passes."""
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError  # noqa: PLC0415 - slow
    from torch.distributed.run import main as torchrun  # noqa: PLC0415 - likewise

    try:
        torchrun(argv)
    except ChildFailedError as error:
        if (killed := find_killed(error.failures.values())) is not None:
            number = -killed.exitcode
            replace_failure(
                f"a process was killed by signal {number}, rank {killed.local_rank}", 128 + number
            )
        raise


if __name__ == "__main__":
    main(sys.argv[1:])
