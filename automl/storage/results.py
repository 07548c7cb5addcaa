"""Results at a URI: a working folder of this machine that stands for them."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

from automl.adapters.object_store import RemoteFile, RemoteFolder, is_uri
from automl.errors import DataError
from automl.storage.cache import cache_root

__all__ = ["fetch_best", "fetch_study", "open_results", "origin_of"]

_ORIGIN = ".origin"
_AT_ONCE = 8
_SMALL_BYTES = 2_000_000
_EVENTS = "events.jsonl"
_BEST, _CHECKPOINTS = "best", "checkpoints"


def open_results(place: str) -> Path:
    """The folder to work in: the place itself, or for a URI one that stands for it.

    What is needed to list, show and compare the studies there is fetched first; models are not, they are
    large and belong to one study. A study that a controller of this machine writes is left as it is.

    Args:
        place: a folder, or a URI such as ``s3://bucket/results``.

    Raises:
        EnvironmentUnusableError: the store does not answer.
    """
    if not is_uri(place):
        return Path(place)
    remote = RemoteFolder(place)
    local = cache_root() / "results" / hashlib.sha256(remote.uri.encode()).hexdigest()[:16]
    local.mkdir(parents=True, exist_ok=True)
    (local / _ORIGIN).write_text(remote.uri, "utf-8")
    _fetch_newer(remote, local, (file for file in remote.list_files() if _comes_first(file)))
    return local


def origin_of(results_dir: Path) -> str | None:
    """The URI that a working folder stands for; None for a folder of its own."""
    try:
        return (results_dir / _ORIGIN).read_text("utf-8")
    except OSError:
        return None


def fetch_study(study: Path) -> None:
    """Bring everything of a study here, checkpoints included, so that it can go on on this machine.

    Raises:
        EnvironmentUnusableError: the store does not answer.
    """
    _fetch_part(study, lambda _: True)


def fetch_best(study: Path) -> None:
    """Bring the winner's model here.

    Raises:
        EnvironmentUnusableError: the store does not answer.
    """
    _fetch_part(study, lambda file: file.name.split("/")[1] == _BEST)


def _fetch_part(study: Path, is_wanted: Callable[[RemoteFile], bool]) -> None:
    """What is wanted of a study whose results lie elsewhere; nothing to do for one that lies here."""
    if uri := origin_of(study.parent):
        remote = RemoteFolder(uri)
        own = (file for file in remote.list_files() if file.name.startswith(f"{study.name}/"))
        _fetch_newer(remote, study.parent, (file for file in own if is_wanted(file)))


def _comes_first(file: RemoteFile) -> bool:
    parts = file.name.split("/")
    is_model = _CHECKPOINTS in parts or (parts[1:2] == [_BEST] and parts[-1].startswith("checkpoint."))
    return file.bytes <= _SMALL_BYTES and not is_model


def _fetch_newer(remote: RemoteFolder, local: Path, files: Iterable[RemoteFile]) -> None:
    wanted: list[RemoteFile] = []
    for study, group in groupby(files, lambda file: file.name.partition("/")[0]):
        if not _is_written_here(local / study):
            wanted += [file for file in group if _is_newer(file, local)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(lambda file: _fetch(remote, file, local), wanted))


def _is_written_here(study: Path) -> bool:
    """Whether a living controller of this machine has the study in hand: its events are locked then."""
    try:
        descriptor = os.open(study / _EVENTS, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def _is_newer(file: RemoteFile, local: Path) -> bool:
    try:
        known = (local / file.name).stat()
    except OSError:
        return True
    return file.changed_at > known.st_mtime


def _fetch(remote: RemoteFolder, file: RemoteFile, local: Path) -> None:
    """A fetched file carries the time at which the store got it, so that it is not fetched again."""
    path = local / file.name
    if not path.resolve().is_relative_to(local.resolve()):
        raise DataError("leads out of the results", where=f"{remote.uri}/{file.name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        remote.download(file.name, draft)
        os.utime(draft, (file.changed_at, file.changed_at))
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
