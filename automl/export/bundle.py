"""The folder that leaves the study: what the model's own export makes of a checkpoint, and a model card."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automl.app.outcome import error_of
from automl.app.reproduction import find_skill_of
from automl.errors import SpecError, StudyError, UsageError
from automl.export.card import write_card
from automl.planning.parents import inherited_layer
from automl.ports import Launch, TrialFailedError
from automl.report.material import Material
from automl.schema.documents import read_yaml_mapping
from automl.schema.loader import load_schema
from automl.schema.spec import Layer, resolve_spec
from automl.skills import Skill
from automl.trials.folder import TrialFolder
from automl.trials.run_trial import TrainerRecipe
from automl.types import TrialRecord

__all__ = ["Bundle", "export_trial"]

_ACTION = "export"
_ACCOUNT = "export.json"


@dataclass(frozen=True)
class Bundle:
    """An exported trial.

    Attributes:
        folder: where it lies.
        files: what is in it.
        account: ``export.json``: what the model says of its own export; empty where it has none.
    """

    folder: Path
    files: tuple[str, ...]
    account: Mapping[str, Any]


def export_trial(material: Material, record: TrialRecord, out: Path) -> Bundle:
    """Export one trial into a new folder.

    Args:
        material: the study.
        record: a trial that keeps a checkpoint; the winner and the default do.
        out: is made; may exist, but only empty.

    Raises:
        UsageError: ``out`` holds something.
        StudyError: the trial keeps no checkpoint.
        AutomlError: the model's own export cannot be started or fails.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(
            "is not an empty folder", where=f"--out:{out}", hint="name a folder that is not there"
        )
    checkpoint = _find_checkpoint(material, record)
    skill = find_skill_of(material.asked)
    out.mkdir(parents=True, exist_ok=True)
    if _ACTION in skill.actions:
        _run_export(material, record, skill, checkpoint=checkpoint, out=out)
    else:
        shutil.copyfile(material.folder.trial(record.id).spec, out / "spec.yaml")
        shutil.copyfile(checkpoint, out / f"checkpoint{checkpoint.suffix}")
    path = out / _ACCOUNT
    account = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    write_card(out, material, record, account)
    files = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    return Bundle(out, tuple(files), account)


def _find_checkpoint(material: Material, record: TrialRecord) -> Path:
    is_winner = material.winner is not None and material.winner.id == record.id
    kept = sorted(material.folder.best.glob("checkpoint.*")) if is_winner else []
    found = kept[0] if kept else material.folder.trial(record.id).find_checkpoint(record.best_epoch)
    if found is None:
        raise StudyError(
            f"trial {record.id} keeps no checkpoint: only winner and default do",
            where=str(material.folder.trial(record.id).checkpoints),
            hint=f"{material.folder.command(f'reproduce {record.id}')} trains it again",
        )
    return found


def _run_export(
    material: Material, record: TrialRecord, skill: Skill, *, checkpoint: Path, out: Path
) -> None:
    """The skill's own ``export`` action, in a folder of its own, so that its log and status stay behind."""
    action = skill.action(_ACTION)
    template = read_yaml_mapping(skill.template_path(_ACTION), SpecError)
    trained = inherited_layer(action, template, material.folder.trial(record.id).spec)
    with tempfile.TemporaryDirectory(prefix="automl-") as scratch:
        work = TrialFolder(Path(scratch))
        own = {key: str(checkpoint) for key in action.keys_filled_by("parent_model")}
        own |= {key: scratch for key in (action.keys.results_dir,) if key}
        spec = resolve_spec(template, load_schema(skill.schema_path(_ACTION)), [trained, Layer(_ACTION, own)])
        work.write_spec(spec.values)
        job = TrainerRecipe(action.command, skill.root, "")(Launch(record.id, work.root))
        try:
            while job.next_report() is not None:
                continue
        except TrialFailedError as error:
            shutil.copyfile(work.log, out / work.log.name)
            raise error_of(error.cause, error.evidence, TrialFolder(out)) from error
        finally:
            job.stop()
        for path in sorted(work.root.iterdir()):
            if path not in (work.log, work.status, work.resume_spec):
                (shutil.copytree if path.is_dir() else shutil.copyfile)(path, out / path.name)
