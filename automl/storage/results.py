"""Results at a URI: a working folder of this machine that stands for them."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

from automl.adapters.object_store import RemoteFile, RemoteFolder
from automl.errors import DataError, StudyError
from automl.places import is_uri, origin_of, write_origin
from automl.storage.cache import cache_root
from automl.storage.ledger import Copy, Ledger
from automl.storage.sides import EVENTS, Side, find_side
from automl.trials.folder import draft_of

__all__ = ["fetch_best", "fetch_study", "is_written_here", "open_results"]

_LOG = logging.getLogger(__name__)
_AT_ONCE = 8
_SMALL_BYTES = 2_000_000
_ALWAYS = ([EVENTS], ["study.json"], ["job.json"])
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
    write_origin(local, remote.uri)
    for name, files in groupby(_list_studies(remote), lambda file: file.name.partition("/")[0]):
        study = local / name
        if (
            not is_written_here(study)
            and _fetch_news(remote, study, list(files), _comes_first) is Side.FORKED
        ):
            _LOG.warning("study=%s went on here and at %s: what lies here is shown", name, remote.uri)
    return local


def fetch_study(study: Path) -> None:
    """Bring everything of a study here, checkpoints included, so that it can go on on this machine.

    Raises:
        EnvironmentUnusableError: the store does not answer.
        StudyError: it went on here and there, from where one of both was last sent.
    """
    _fetch_part(study, lambda _: True)


def fetch_best(study: Path) -> None:
    """Bring the winner's model here.

    Raises:
        EnvironmentUnusableError: the store does not answer.
        StudyError: the study went on here and there, from where one of both was last sent.
    """
    _fetch_part(study, lambda file: file.name.split("/")[1] == _BEST)


def _list_studies(remote: RemoteFolder) -> list[RemoteFile]:
    """What belongs to studies and jobs; hidden files are this machine's own and never come from elsewhere."""
    named = ((file, file.name.rpartition("/")) for file in remote.list_files())
    return [file for file, (folder, _, name) in named if folder and not name.startswith(".")]


def _fetch_part(study: Path, is_wanted: Callable[[RemoteFile], bool]) -> None:
    """What is wanted of a study whose results lie elsewhere; nothing to do for one that lies here."""
    uri = origin_of(study.parent)
    if uri is None or is_written_here(study):
        return
    remote = RemoteFolder(uri)
    own = [file for file in _list_studies(remote) if file.name.startswith(f"{study.name}/")]
    if _fetch_news(remote, study, own, is_wanted) is Side.FORKED:
        raise StudyError(
            f"{study.name} went on on another machine, from before what this one did not send",
            where=f"{uri}/{study.name}",
            hint=f"keep one of both: move {study} away to go on with the store's, or the store's to go on "
            "with this machine's",
        )


def _comes_first(file: RemoteFile) -> bool:
    parts = file.name.split("/")
    if parts[1:] in _ALWAYS:
        return True
    is_model = _CHECKPOINTS in parts or (parts[1:2] == [_BEST] and parts[-1].startswith("checkpoint."))
    return file.bytes <= _SMALL_BYTES and not is_model


def _fetch_news(
    remote: RemoteFolder, study: Path, files: Sequence[RemoteFile], is_wanted: Callable[[RemoteFile], bool]
) -> Side:
    """Fetch what the store has and this machine has not, or has older; whose copy of the study is newer.

    What was changed here and never sent stays, unless the study went on there. The events come last: as long
    as they are old, what came before them is fetched anew.
    """
    events = next((file for file in files if file.name == f"{study.name}/{EVENTS}"), None)
    side = find_side(remote, events, study)
    if side is Side.FORKED:
        return side
    ledger = Ledger(study)
    wanted = [file for file in files if is_wanted(file) and _is_news(file, study.parent, ledger, side)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        copies = list(pool.map(lambda f: _fetch(remote, f, study.parent), (f for f in wanted if f != events)))
    copies += [_fetch(remote, events, study.parent)] if events in wanted else []
    if side is Side.THERE:
        copies += _outdated(study, [file for file in files if file not in wanted], ledger)
    for name, copy in copies:
        ledger.note(_own_name(name), copy)
    if copies:
        ledger.write()
    return side


def _outdated(study: Path, files: Iterable[RemoteFile], ledger: Ledger) -> Iterator[tuple[str, Copy]]:
    """What stays as it was while the study went on there, noted so that it is fetched when it is wanted."""
    for file in files:
        path, known = study.parent / file.name, ledger[_own_name(file.name)]
        if path.exists() and not (known and known.version == file.version):
            yield file.name, Copy.of(path.stat(), "")


def _own_name(name: str) -> str:
    """A file's name below its study."""
    return name.partition("/")[2]


def is_written_here(study: Path) -> bool:
    """Whether a living controller of this machine has the study in hand: its events are locked then."""
    try:
        descriptor = os.open(study / EVENTS, os.O_RDONLY)
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


def _is_news(file: RemoteFile, local: Path, ledger: Ledger, side: Side) -> bool:
    path, known = local / file.name, ledger[_own_name(file.name)]
    if not path.exists():
        return True
    if known and known.version == file.version:
        return False
    return side is Side.THERE or (known is not None and known.is_of(path.stat()))


def _fetch(remote: RemoteFolder, file: RemoteFile, local: Path) -> tuple[str, Copy]:
    """Bring one file here; its name, and the copy that both sides hold now."""
    path = local / file.name
    study = local / file.name.partition("/")[0]
    if ".." in path.parts or not path.resolve().is_relative_to(study.resolve()):
        raise DataError("leads out of its study", where=f"{remote.uri}/{file.name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = draft_of(path)
    try:
        remote.download(file.name, draft)
        os.utime(draft, (file.changed_at, file.changed_at))  # commands show when a study was written
        draft.replace(path)
        return file.name, Copy.of(path.stat(), file.version)
    finally:
        draft.unlink(missing_ok=True)
