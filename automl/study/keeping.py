"""Which checkpoints of a study stay on disk, and the copy of the winner."""

from __future__ import annotations

import json

from automl.study.finals import choose_finalists
from automl.study.state import DEFAULT_TRIAL
from automl.study.store import StudyFolder
from automl.trials.folder import copy_atomically, write_atomically
from automl.types import Metric, Role, TrialId, TrialRecord

__all__ = ["CheckpointKeeper", "write_best", "write_best_metrics"]


class CheckpointKeeper:
    """Drops what nothing can need any more.

    While a trial may go on: the epoch that stands for it, for the winner, its newest that was reported, to go
    on from, and any that is newer still, whose report is on its way. Once it is final: the first of these if
    it is the default, a repeat, or one that may still win; else nothing.

    Args:
        folder: the study's folder.
        metric: what ranking uses.
        finalists: so many of the best may still win.
    """

    def __init__(self, folder: StudyFolder, metric: Metric, *, finalists: int = 1) -> None:
        self._folder = folder
        self._metric = metric
        self._finalists = finalists
        self._kept: dict[TrialId, TrialRecord] = {}

    def after_report(self, record: TrialRecord) -> None:
        """Thin out the checkpoints of a trial that runs."""
        trial = self._folder.trial(record.id)
        epochs = [checkpoint.epoch for checkpoint in trial.list_checkpoints()]
        known = [epoch for epoch in epochs if epoch <= record.epochs]
        unheard = {epoch for epoch in epochs if epoch > record.epochs}
        trial.keep_checkpoints({*known[-1:], *unheard, record.best_epoch or 0})

    def after_end(self, record: TrialRecord) -> None:
        """Thin out the checkpoints of a trial that became final, and of the one that it beats."""
        self._kept[record.id] = record
        best = {r.id for r in choose_finalists(self._kept.values(), self._metric, self._finalists)}
        repeats = {r.id for r in self._kept.values() if r.role is Role.CONFIRM and r.is_ranked}
        self._folder.trial(record.id).keep_checkpoints({record.best_epoch} if record.best_epoch else set())
        self.keep_only({DEFAULT_TRIAL} | best | repeats)

    def keep_only(self, wanted: set[TrialId]) -> None:
        """Drop the checkpoints of all other final trials."""
        for trial in [trial for trial in self._kept if trial not in wanted]:
            self._folder.trial(trial).keep_checkpoints(set())
            del self._kept[trial]

    def is_kept(self, trial: TrialId) -> bool:
        """Whether a final trial keeps its best checkpoint."""
        return trial in self._kept


def write_best(folder: StudyFolder, metric: Metric, winner: TrialRecord) -> None:
    """Copy the winner's spec and checkpoint into ``best/``, with what was measured."""
    trial = folder.trial(winner.id)
    folder.best.mkdir(exist_ok=True)
    copy_atomically(trial.spec, folder.best / "spec.yaml")
    if checkpoint := trial.find_checkpoint(winner.best_epoch):
        copy_atomically(checkpoint, folder.best / f"checkpoint{checkpoint.suffix}")
    write_best_metrics(folder, metric, winner)


def write_best_metrics(
    folder: StudyFolder, metric: Metric, winner: TrialRecord, test: float | None = None
) -> None:
    """Write ``best/metrics.json``.

    Args:
        folder: the study's folder.
        metric: what ranking used.
        winner: the best trial.
        test: its metric on the test part, None when it was not measured.
    """
    standing = metric.standing(winner.reports)
    metrics = {
        "trial": winner.id,
        "epoch": winner.best_epoch,
        "metric": metric.name,
        "value": winner.value,
        "test": test,
        "kpi": dict(standing.kpi) if standing else {},
    }
    write_atomically(folder.best / "metrics.json", json.dumps(metrics, indent=2) + "\n")
