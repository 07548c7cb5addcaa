"""Which checkpoints of a study stay on disk, and the copy of the winner."""

from __future__ import annotations

import json
import shutil

from automl.study.state import DEFAULT_TRIAL
from automl.study.store import StudyFolder
from automl.trials.folder import write_atomically
from automl.types import Metric, TrialId, TrialRecord, TrialState

__all__ = ["CheckpointKeeper", "write_best", "write_best_metrics"]


class CheckpointKeeper:
    """Drops what nothing can need any more.

    While a trial may go on: its best epoch, for the winner, and its newest, to go on from. Once it is final:
    its best epoch if it is the default or the best so far, else nothing.

    Args:
        folder: the study's folder.
        metric: what ranking uses.
    """

    def __init__(self, folder: StudyFolder, metric: Metric) -> None:
        self._folder = folder
        self._metric = metric
        self._best: TrialRecord | None = None

    def after_report(self, record: TrialRecord) -> None:
        """Thin out the checkpoints of a trial that runs."""
        trial = self._folder.trial(record.id)
        if checkpoints := trial.list_checkpoints():
            trial.keep_checkpoints({checkpoints[-1].epoch, record.best_epoch or 0})

    def after_end(self, record: TrialRecord) -> None:
        """Thin out the checkpoints of a trial that became final, and of the one that it beats."""
        beaten = self._best
        if (
            record.value is not None
            and record.state is not TrialState.FAILED
            and self._metric.is_better(record.value, beaten.value if beaten else None)
        ):
            self._best = record
        for final in (record, beaten):
            if final is not None:
                epochs = {final.best_epoch} if self.is_kept(final.id) and final.best_epoch else set()
                self._folder.trial(final.id).keep_checkpoints(epochs)

    def is_kept(self, trial: TrialId) -> bool:
        """Whether a final trial keeps its best checkpoint."""
        return trial == DEFAULT_TRIAL or (self._best is not None and trial == self._best.id)


def write_best(folder: StudyFolder, metric: Metric, winner: TrialRecord) -> None:
    """Copy the winner's spec and checkpoint into ``best/``, with what was measured."""
    trial = folder.trial(winner.id)
    folder.best.mkdir(exist_ok=True)
    shutil.copyfile(trial.spec, folder.best / "spec.yaml")
    if checkpoint := trial.find_checkpoint(winner.best_epoch):
        shutil.copyfile(checkpoint, folder.best / f"checkpoint{checkpoint.suffix}")
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
    best = metric.best(winner.reports)
    metrics = {
        "trial": winner.id,
        "epoch": winner.best_epoch,
        "metric": metric.name,
        "value": winner.value,
        "test": test,
        "kpi": dict(best.kpi) if best else {},
    }
    write_atomically(folder.best / "metrics.json", json.dumps(metrics, indent=2) + "\n")
