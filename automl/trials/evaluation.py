"""Measures the kept checkpoints of finished trials on frames that tuning never read."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from automl.errors import SpecError, TrialError
from automl.ports import Launch
from automl.trials.folder import TrialFolder
from automl.trials.run_trial import TrainerJob, TrainerRecipe
from automl.types import Spec, TrialId, TrialRecord

__all__ = ["TestPartCheck"]

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class TestPartCheck:
    """The `FinalCheck` by the model's own ``evaluate`` action, one child process a trial.

    Attributes:
        root: a folder for each evaluation is made in here.
        make_spec: a trial, its checkpoint and the folder of its evaluation to the spec of the evaluation.
        recipe: starts the evaluation.
        side_by_side: evaluations that may run at once.
        find_checkpoint: the kept checkpoint of a trial.
    """

    root: Path
    make_spec: Callable[[TrialRecord, Path, TrialFolder], Spec]
    recipe: TrainerRecipe
    side_by_side: int
    find_checkpoint: Callable[[TrialRecord], Path | None]

    def __call__(self, records: Sequence[TrialRecord]) -> Mapping[TrialId, float]:
        """The study's metric of each trial; what could not be measured is left out with a warning."""
        values: dict[TrialId, float] = {}
        _LOG.info("final check on the test part: trial %s", ", ".join(record.id for record in records))
        for start in range(0, len(records), self.side_by_side):
            jobs = {r.id: self._start(r) for r in records[start : start + self.side_by_side]}
            for trial, job in jobs.items():
                value = self._finish(trial, job) if job else None
                if value is not None:
                    values[trial] = value
        return values

    def _start(self, record: TrialRecord) -> TrainerJob | None:
        checkpoint = self.find_checkpoint(record)
        if checkpoint is None:
            _LOG.warning("trial=%s has no checkpoint to be checked on the test part", record.id)
            return None
        folder = TrialFolder(self.root / record.id)
        try:
            folder.write_spec(self.make_spec(record, checkpoint, folder))
            return self.recipe(Launch(record.id, folder.root))
        except (SpecError, TrialError) as error:
            _LOG.warning("trial=%s cannot be checked on the test part: %s", record.id, error)
            return None

    def _finish(self, trial: TrialId, job: TrainerJob) -> float | None:
        try:
            while job.next_report() is not None:
                continue
        except TrialError as error:
            _LOG.warning("trial=%s cannot be checked on the test part: %s", trial, error)
            return None
        finally:
            job.stop()
        return job.last_kpi.get(self.recipe.metric)
