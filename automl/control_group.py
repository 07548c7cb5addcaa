"""The control groups that this process is in: what a container or a job of a cluster may have of a host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

__all__ = ["memory_groups"]


def memory_groups(proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> Iterator[Path]:
    """Folders of the groups that limit our memory: our own, then those above it; some may not be there.

    Within a container the group may be called by its path on the host while the mount begins at the group,
    which is why the mount comes last and not only the path's own folders.

    Args:
        proc: where the kernel's process files are.
        groups: where control groups of version 1 or 2 are mounted.
    """
    try:
        memberships = (proc / "self/cgroup").read_text("utf-8").splitlines()
    except OSError:
        return
    for membership in memberships:
        _, controllers, name = membership.split(":", 2)
        mount = groups / "memory" if controllers else groups
        if not controllers or "memory" in controllers.split(","):
            path = PurePosixPath(name.lstrip("/"))
            yield from (mount / part for part in (path, *path.parents))
