"""Sends the folder of a study to where its results belong, as its files appear."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from automl.adapters.object_store import RemoteFolder
from automl.errors import EnvironmentUnusableError
from automl.ports import Tracker
from automl.storage.results import origin_of
from automl.types import Report, StudySheet, TrialId, TrialRecord

__all__ = ["Uploader", "make_uploader"]

_LOG = logging.getLogger(__name__)
_PAUSE_S = 5.0
_LAST_ATTEMPTS = 3
_Version = tuple[int, int]


def make_uploader(study: Path) -> Sequence[Tracker]:
    """The uploader of a study whose results belong elsewhere; nothing for one that stays where it is."""
    uri = origin_of(study.parent)
    return (Uploader(study, RemoteFolder(f"{uri}/{study.name}")),) if uri else ()


class Uploader:
    """A tracker that keeps a copy of the study's folder up to date, on a thread of its own.

    A store that is slow or down costs the study nothing; what it missed is sent with the next pass, at the
    latest when the study ends. Files that the study deletes are deleted there as well.

    Args:
        study: folder of the study.
        remote: where its copy lies.
        pause_s: seconds between two passes.
    """

    def __init__(self, study: Path, remote: RemoteFolder, *, pause_s: float = _PAUSE_S) -> None:
        self._study = study
        self._remote = remote
        self._pause_s = pause_s
        self._sent: dict[str, _Version] = {}
        self._is_over = threading.Event()
        self._is_reachable = True
        self._thread: threading.Thread | None = None

    def study_started(self, sheet: StudySheet, past: Sequence[TrialRecord] = ()) -> None:  # noqa: ARG002
        """Begin to copy."""
        self._thread = threading.Thread(target=self._copy_until_over, daemon=True)
        self._thread.start()

    def trial_started(self, record: TrialRecord) -> None:
        """Nothing: the next pass finds its files."""

    def trial_reported(self, trial: TrialId, report: Report) -> None:
        """Nothing: the next pass finds its files."""

    def trial_ended(self, record: TrialRecord, *, is_incumbent: bool) -> None:
        """Nothing: the next pass finds its files."""

    def study_ended(self, summary: Mapping[str, object], kept: Sequence[TrialRecord]) -> None:  # noqa: ARG002
        """Copy what is left; returns when it is there, or is known not to get there."""
        self._is_over.set()
        if self._thread is not None:
            self._thread.join()
        for _ in range(_LAST_ATTEMPTS):
            if self._copy():
                return
        _LOG.warning(
            "study=%s is not whole at %s: copy %s there when it answers",
            self._study.name,
            self._remote.uri,
            self._study,
        )

    def _copy_until_over(self) -> None:
        while not self._is_over.wait(self._pause_s):
            self._copy()

    def _copy(self) -> bool:
        """One pass; False when something could not be sent."""
        found = _versions(self._study)
        try:
            for name in [name for name, version in found.items() if self._sent.get(name) != version]:
                if (self._study / name).is_file():
                    self._remote.upload(self._study / name, name)
                    self._sent[name] = found[name]
            for name in sorted(self._sent.keys() - found.keys()):
                self._remote.remove(name)
                del self._sent[name]
        except EnvironmentUnusableError as error:
            if self._is_reachable:
                _LOG.warning("study=%s results are not sent for now: %s", self._study.name, error)
            self._is_reachable = False
            return False
        self._is_reachable = True
        return True


def _versions(study: Path) -> dict[str, _Version]:
    """Name to time and size of all files but drafts; one that goes away meanwhile is left out.

    So is a link that leads out of the study: whoever made it does not decide what leaves this machine.
    """
    found: dict[str, _Version] = {}
    root = study.resolve()
    for path in sorted(study.rglob("*")):
        try:
            is_own = path.is_file() and path.resolve().is_relative_to(root)
            if is_own and not path.name.startswith(".") and path.suffix != ".tmp":
                entry = path.stat()
                found[path.relative_to(study).as_posix()] = (entry.st_mtime_ns, entry.st_size)
        except FileNotFoundError:
            continue
    return found
