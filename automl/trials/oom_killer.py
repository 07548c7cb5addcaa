"""What the kernel has killed for want of memory: it says nothing to the process, but it keeps count.

A trainer that asks for more of the host's memory than there is, or than its container may have, ends by
SIGKILL without a word. So it does when somebody kills it; only the kernel's counter tells the two apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from automl.control_group import memory_groups

__all__ = ["count_kills"]

_COUNT = "oom_kill"


def count_kills(proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Processes that were killed so far for want of memory, to be compared with an earlier count.

    Those of our control group, in which trainers are too, by whatever limit they died: that of the group, of
    one above it, or of the machine. Where the group has no counter, those of the machine; else 0.

    Args:
        proc: where the kernel's process files are.
        groups: where control groups of version 1 or 2 are mounted.
    """
    for counter in _counters(proc, groups):
        try:
            lines = counter.read_text("ascii").splitlines()
        except OSError:
            continue
        for line in lines:
            name, _, count = line.partition(" ")
            if name == _COUNT:
                return int(count)
    return 0


def _counters(proc: Path, groups: Path) -> Iterator[Path]:
    """Files that may hold the count, the most exact one first."""
    for group in memory_groups(proc, groups):
        yield from (group / "memory.events", group / "memory.oom_control")
    yield proc / "vmstat"
