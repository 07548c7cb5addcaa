"""Whether the nodes of a cluster can reach what a study reads and writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from automl.places import is_uri
from automl.request import RunRequest
from automl.tracking import NETWORK_FILE_SYSTEMS, file_system_of

__all__ = ["sharing_warnings"]


def sharing_warnings(request: RunRequest) -> Iterator[str]:
    """What trials on other nodes would not find; nothing is said of a study on this machine alone."""
    if request.ray_address is None:
        return
    kind = file_system_of(request.results_dir)
    if kind not in NETWORK_FILE_SYSTEMS:
        yield (
            f"results go to {request.results_dir.resolve()} on {kind or 'an unknown file system'}: trials on "
            "other nodes meet the study there, so give a --results-dir that all nodes share"
        )
    if request.data and not is_uri(request.data):
        root = Path(request.data).expanduser().resolve()
        kind = file_system_of(root)
        if kind not in NETWORK_FILE_SYSTEMS:
            yield (
                f"data lie in {root} on {kind or 'an unknown file system'}: every node needs them "
                "there, so share the folder, or give --data s3://..., which each node fetches once"
            )
