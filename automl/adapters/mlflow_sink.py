"""Shows a study in MLflow while it runs, without ever keeping it waiting.

The run tree is a view of the study's events. One thread in the driver's process follows them and sends what
is new; a server that is slow, down or full costs no trial a second. What it missed is sent once it is back,
by the same thread or later by ``automl sync``.
"""

from __future__ import annotations

import fcntl
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from automl.adapters.mlflow_runs import RunTree, is_refusal
from automl.errors import AutomlError, EnvironmentUnusableError
from automl.study.events import StudyEnded
from automl.study.mirroring import Cursor, NewsFeed
from automl.study.store import StudyFolder
from automl.tracking import TrackingStore, sqlite_file
from automl.types import Report, StudySheet, TrialId, TrialRecord

__all__ = ["MlflowSink", "StudyMirror", "send_study"]

_LOG = logging.getLogger(__name__)
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0


class MlflowSink:
    """A `Tracker` that follows the events of its study from a thread of its own.

    Args:
        store: where the runs go.
        flush_s: how long the end of a study waits for what is still to be sent.
    """

    def __init__(self, store: TrackingStore, *, flush_s: float = 60.0) -> None:
        self._store = store
        self._flush_s = flush_s
        self._news, self._is_over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="mlflow", daemon=True)
        self._has_warned = False

    def study_started(self, sheet: StudySheet, past: Sequence[TrialRecord] = ()) -> None:  # noqa: ARG002
        """Begin to follow; for a plain training the parent is the only run."""
        self._mirror = StudyMirror(sheet, self._store)
        self._sync = StudyFolder(sheet.root).command("sync")
        self._thread.start()

    def trial_started(self, record: TrialRecord) -> None:  # noqa: ARG002 - the events say it
        """There is news."""
        self._news.set()

    def trial_reported(self, trial: TrialId, report: Report) -> None:  # noqa: ARG002 - the events say it
        """There is news."""
        self._news.set()

    def trial_ended(self, record: TrialRecord, *, is_incumbent: bool) -> None:  # noqa: ARG002
        """There is news."""
        self._news.set()

    def study_ended(self, summary: Mapping[str, object], kept: Sequence[TrialRecord]) -> None:  # noqa: ARG002
        """Wait until all is sent, up to a limit; the rest is for ``automl sync``."""
        if self._thread.ident is None:  # the study was interrupted before it began
            return
        self._is_over.set()
        self._news.set()
        self._thread.join(self._flush_s)
        if self._thread.is_alive() or self._mirror.behind:
            _LOG.warning(
                "MLflow at %s did not take everything within %.0f s; nothing is lost, the rest is sent by: "
                "%s",
                self._store.uri,
                self._flush_s,
                self._sync,
            )

    def _work(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            self._news.clear()
            is_over = self._is_over.is_set()
            try:
                self._mirror.catch_up(is_over=is_over)
                pause_s = _FIRST_PAUSE_S
            except Exception as error:  # noqa: BLE001 - whatever the tracker does must not reach a trial
                self._warn(error)
                if not is_over:
                    self._is_over.wait(pause_s)
                    pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                    continue
            if is_over:
                return
            self._news.wait()

    def _warn(self, error: Exception) -> None:
        if not self._has_warned:
            _LOG.warning("MLflow at %s: %s; the study goes on", self._store.uri, error)
        self._has_warned = True


class StudyMirror:
    """Brings the run tree of one study up to its events, as often as it is asked to.

    Args:
        sheet: what identifies the study.
        store: where the runs go.
        is_anew: send all of it again, whatever was sent before.
    """

    def __init__(self, sheet: StudySheet, store: TrackingStore, *, is_anew: bool = False) -> None:
        self._sheet = sheet
        self._store = store
        self._folder = StudyFolder(sheet.root)
        self._feed = NewsFeed(self._folder, sheet.metric)
        self._runs: RunTree | None = None
        self._cursor = Cursor(self._folder)
        self._is_anew = is_anew
        self._folder.write_tracking(store)

    @property
    def behind(self) -> int:
        """Pieces of news that were not sent yet."""
        return len(self._feed)

    def catch_up(self, *, is_over: bool = True) -> int:
        """Send what was not sent yet; the number of events that were.

        Args:
            is_over: False keeps the end of the study back, since files that belong to it are still written.

        Raises:
            Exception: whatever MLflow raises when it cannot be reached or does not answer.
        """
        self._feed.refresh()
        with _sole_writer(self._store):
            try:
                self._runs = self._runs or self._find_runs()
                return self._send(self._runs, is_over=is_over)
            except Exception:
                self._runs = None  # whether the last call came through is unknown: look before the next
                raise
            finally:
                self._cursor.save()

    def _find_runs(self) -> RunTree:
        runs = RunTree(self._store, self._sheet, self._feed.study_key, self._feed.started_at)
        self._cursor.open(runs.parent, is_anew=self._is_anew)
        self._is_anew = False
        if self._cursor.number < self._feed.dropped:  # another tree than the one that was told
            self._feed = NewsFeed(self._folder, self._sheet.metric)
            self._feed.refresh()
        self._folder.write_tracking(self._store, experiment_id=runs.experiment, run_id=runs.parent)
        return runs

    def _send(self, runs: RunTree, *, is_over: bool) -> int:
        sent = 0
        while (news := self._feed.peek(after=self._cursor.number)) is not None:
            if isinstance(news.event, StudyEnded) and self.behind == 1 and not is_over:
                break
            try:
                runs.tell(news, self._feed.records)
            except Exception as error:
                if not is_refusal(error):
                    raise
                _LOG.warning("MLflow refuses %s: %s", type(news.event).__name__, error)
            self._cursor.number = news.number
            self._feed.drop()
            sent += 1
        return sent


def send_study(sheet: StudySheet, store: TrackingStore, *, is_anew: bool = False) -> int:
    """Bring the run tree of a study that nobody runs up to its events; the number of events that were news.

    Args:
        sheet: what identifies the study.
        store: where the runs go.
        is_anew: send all of it again.

    Raises:
        EnvironmentUnusableError: the store cannot be reached, or does not do what it is asked to.
    """
    mirror = StudyMirror(sheet, store, is_anew=is_anew)
    try:
        return mirror.catch_up()
    except (AutomlError, KeyboardInterrupt):
        raise
    except Exception as error:
        raise EnvironmentUnusableError(
            f"MLflow: {error}",
            where=store.uri,
            hint=f"once it answers: {StudyFolder(sheet.root).command('sync')}",
        ) from error


@contextmanager
def _sole_writer(store: TrackingStore) -> Iterator[None]:
    """One process at a time writes a SQLite store: two that find it empty would both migrate it."""
    database = sqlite_file(store.uri)
    if database is None:
        yield
        return
    database.parent.mkdir(parents=True, exist_ok=True)
    with database.with_name(f"{database.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
