"""Trains one trial of a study once more, from the very spec that it was trained with, and compares."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automl.app.outcome import error_of
from automl.errors import SpecError, StudyError
from automl.ports import Launch, TrialFailedError
from automl.provenance import fingerprint_files, installed_versions
from automl.request import RunRequest
from automl.schema.documents import read_json_mapping, read_yaml_mapping
from automl.schema.paths import with_path
from automl.skills import Skill, load_skill
from automl.study.store import StudyFolder, new_folder
from automl.trials.folder import TrialFolder
from automl.trials.run_trial import TrainerRecipe
from automl.types import Report, TrialRecord

__all__ = ["EpochComparison", "Reproduction", "find_skill_of", "list_changes", "reproduce_trial"]

_TRAIN = "train"
_KIND = "reproduction"


@dataclass(frozen=True)
class EpochComparison:
    """The metric after one epoch, then and now; None where it was not measured."""

    epoch: int
    then: float | None
    now: float | None


@dataclass(frozen=True)
class Reproduction:
    """What training a trial once more gave.

    Attributes:
        folder: where the new training lies.
        changes: what is no longer as it was when the study began, such as a package's version.
    """

    folder: Path
    epochs: tuple[EpochComparison, ...]
    changes: tuple[str, ...]

    @property
    def is_equal(self) -> bool:
        """Whether every epoch measured exactly the same."""
        return all(one.then == one.now for one in self.epochs)

    @property
    def largest_difference(self) -> float | None:
        """Over all epochs that were measured both times; None when there was none."""
        gaps = [abs(e.now - e.then) for e in self.epochs if e.then is not None and e.now is not None]
        return max(gaps, default=None)


def reproduce_trial(
    folder: StudyFolder, record: TrialRecord, on_report: Callable[[Report], None] = lambda _: None
) -> Reproduction:
    """Train a trial again, as far as it came then, with the same spec, seed and number of threads.

    Args:
        folder: the study's folder.
        record: which trial; one that began from another trial's checkpoint needs that file.
        on_report: told of each epoch.

    Raises:
        StudyError: the trial never trained, or what it began with is gone.
        AutomlError: the trainer cannot be started, or fails this time.
    """
    recorded = read_json_mapping(folder.sheet, StudyError)
    skill = find_skill_of(recorded)
    if not record.reports:
        raise StudyError(
            f"trial {record.id} never finished an epoch", where=str(folder.trial(record.id).root)
        )
    trial = TrialFolder(new_folder(folder.root.parent, _KIND).root)
    _prepare(folder, record, trial, skill)
    threads = recorded.get("plan", {}).get("resources", {}).get("cpus_per_trial", 1.0)
    job = _recipe(skill, folder, threads)(Launch(record.id, trial.root, record.first_epoch))
    now: dict[int, float | None] = {}
    try:
        while (report := job.next_report()) is not None:
            now[report.epoch] = report.value
            on_report(report)
            if report.epoch >= record.epochs:
                break
    except TrialFailedError as error:
        raise error_of(error.cause, error.evidence, trial) from error
    finally:
        job.stop()
    epochs = tuple(EpochComparison(r.epoch, r.value, now.get(r.epoch)) for r in record.reports)
    return Reproduction(trial.root, epochs, tuple(list_changes(recorded)))


def find_skill_of(recorded: Mapping[str, Any]) -> Skill:
    """The model that a study tunes.

    Args:
        recorded: its ``study.json``.

    Raises:
        UsageError: the model is not installed here, or its folder is gone.
    """
    try:
        request = RunRequest.from_json(recorded["request"])
    except KeyError:
        return load_skill(recorded["model"])
    return load_skill(request.model, request.skill_dir)


def list_changes(recorded: Mapping[str, Any]) -> Iterator[str]:
    """What differs today from when the study began: packages, and the files of the data.

    Args:
        recorded: its ``study.json``.
    """
    now = installed_versions()
    for package, version in recorded.get("versions", {}).items():
        if now.get(package) != version:
            yield f"{package} was {version} and is {now.get(package, 'not installed')}"
    sources = recorded.get("plan", {}).get("data_sources", {})
    then = recorded["tags"].get("dataset_fingerprint")
    if then is not None and then != fingerprint_files(Path(path) for path in sources.values()):
        yield f"the data are not the same: {', '.join(sorted(set(sources.values())))}"


def _prepare(folder: StudyFolder, record: TrialRecord, trial: TrialFolder, skill: Skill) -> None:
    """The trial's spec with another folder for the results, and the checkpoint that it began with."""
    spec = read_yaml_mapping(folder.trial(record.id).spec, SpecError)
    key = skill.action(_TRAIN).keys.results_dir
    trial.write_spec(with_path(spec, key, str(trial.root)) if key else spec)
    if record.origin is None:
        return
    wanted = record.origin
    found = [c for c in folder.trial(wanted.trial).list_checkpoints() if c.epoch == wanted.epoch]
    if not found:
        raise StudyError(
            f"trial {record.id} began from epoch {wanted.epoch} of trial {wanted.trial}, "
            "whose checkpoint is gone",
            where=str(folder.trial(wanted.trial).checkpoints),
            hint=f"{folder.command(f'reproduce {wanted.trial}')} trains that one again",
        )
    trial.checkpoints.mkdir()
    shutil.copyfile(found[0].path, trial.checkpoints / found[0].path.name)


def _recipe(skill: Skill, folder: StudyFolder, threads: float) -> TrainerRecipe:
    action = skill.action(_TRAIN)
    resume = {*action.keys_filled_by("resume_model"), *filter(None, [action.keys.resume])}
    return TrainerRecipe(
        action.command,
        skill.root,
        folder.read_sheet().metric.name,
        threads,
        resume_keys=tuple(sorted(resume)),
    )
