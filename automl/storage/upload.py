"""Sends the folder of a study to where its results belong, as its files appear."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from automl.adapters.object_store import RemoteFolder
from automl.errors import EnvironmentUnusableError
from automl.places import origin_of
from automl.storage.ledger import Copy, Ledger
from automl.storage.results import is_written_here
from automl.storage.sides import EVENTS
from automl.study.store import StudyFolder
from automl.types import Report, StudySheet, TrialId, TrialRecord

__all__ = ["Uploader", "make_uploader", "send_study"]

_LOG = logging.getLogger(__name__)
_PAUSE_S = 5.0
_LAST_ATTEMPTS, _LONGEST_GOODBYE_S = 3, 60.0


def make_uploader(study: Path) -> Sequence[Uploader]:
    """The uploader of a study whose results belong elsewhere; nothing for one that stays where it is."""
    uri = origin_of(study.parent)
    return (Uploader(study, RemoteFolder(f"{uri}/{study.name}")),) if uri else ()


def send_study(study: Path) -> int:
    """Send what a store missed of a study or job, while it was down or its controller died; files sent.

    Nothing to do for one that lies here for good, or that a living controller of this machine sends itself.

    Raises:
        EnvironmentUnusableError: the store does not answer.
    """
    return sum(0 if is_written_here(study) else sender.send_news() for sender in make_uploader(study))


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
        self._ledger = Ledger(study)
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
        ends_at = time.monotonic() + _LONGEST_GOODBYE_S
        for attempt in range(_LAST_ATTEMPTS):
            if (attempt == 0 or time.monotonic() < ends_at) and self._copy():
                return
        _LOG.warning(
            "study=%s is not whole at %s: `%s` sends the rest when it answers",
            self._study.name,
            self._remote.uri,
            StudyFolder(self._study).command("sync"),
        )

    def _copy_until_over(self) -> None:
        while not self._is_over.wait(self._pause_s):
            self._copy()

    def _copy(self) -> bool:
        """One pass; False when something could not be sent."""
        try:
            self.send_news()
        except (EnvironmentUnusableError, OSError) as error:
            if self._is_reachable:
                _LOG.warning("study=%s results are not sent for now: %s", self._study.name, error)
            self._is_reachable = False
            return False
        if not self._is_reachable:
            _LOG.info("study=%s results are sent again", self._study.name)
        self._is_reachable = True
        return True

    def send_news(self) -> int:
        """Send what is new and delete what is gone; files sent.

        The events go last: whoever goes on elsewhere finds there all that they speak of.

        Raises:
            EnvironmentUnusableError: the store does not answer, or refuses.
        """
        found = _list_files(self._study)
        news = [name for name, entry in found.items() if not self._is_sent(name, entry)]
        gone = sorted(set(self._ledger.names()) - found.keys())
        try:
            for name in sorted(news, key=lambda name: (name == EVENTS, name)):
                if (self._study / name).is_file():
                    version = self._remote.upload(self._study / name, name)
                    self._ledger.note(name, Copy.of(found[name], version))
            for name in gone:
                self._remote.remove(name)
                self._ledger.forget(name)
        finally:
            if news or gone:
                self._ledger.write()
        return len(news)

    def _is_sent(self, name: str, entry: os.stat_result) -> bool:
        copy = self._ledger[name]
        return copy is not None and copy.is_of(entry)


def _list_files(study: Path) -> dict[str, os.stat_result]:
    """Name to time and size of all files but drafts; one that goes away meanwhile is left out.

    So is a link that leads out of the study: whoever made it does not decide what leaves this machine.
    """
    found: dict[str, os.stat_result] = {}
    root = study.resolve()
    for path in sorted(study.rglob("*")):
        try:
            is_own = path.is_file() and path.resolve().is_relative_to(root)
            if is_own and not path.name.startswith(".") and path.suffix != ".tmp":
                found[path.relative_to(study).as_posix()] = path.stat()
        except FileNotFoundError:
            continue
    return found
