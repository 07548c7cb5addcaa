"""Lays out what a trainer finds in its trial's folder when it starts."""

from __future__ import annotations

from collections.abc import Callable

from automl.study.store import StudyFolder
from automl.trials.folder import TrialFolder, copy_atomically
from automl.types import Spec, TrialRecord

__all__ = ["SpecMaker", "prepare_trial"]

SpecMaker = Callable[[TrialRecord, TrialFolder], Spec]
"""A trial and its folder to its whole spec; raises SpecError for a contradiction."""


def prepare_trial(study: StudyFolder, record: TrialRecord, make_spec: SpecMaker) -> TrialFolder:
    """The trial's folder with its spec, and with the checkpoint that it begins from; no stop is asked for.

    Raises:
        SpecError: its spec cannot be made.
    """
    folder = study.trial(record.id)
    if record.changes or not folder.spec.exists():
        folder.write_spec(make_spec(record, folder))
    if record.origin and not folder.list_checkpoints():
        source = study.trial(record.origin.trial).find_checkpoint(record.origin.epoch)
        if source is not None:
            folder.checkpoints.mkdir(exist_ok=True)
            copy_atomically(source, folder.checkpoints / source.name)
    folder.stop_request.unlink(missing_ok=True)
    return folder
