"""Everything that a report is made from, read once from a study's folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automl.errors import StatusError
from automl.study.events import Event, read_events
from automl.study.state import DEFAULT_TRIAL, StudyState
from automl.study.store import StudyFolder
from automl.study.summary import read_summary
from automl.trials.folder import TrialFolder
from automl.trials.status_reader import StatusReader
from automl.types import StudySheet, TrialId, TrialRecord

__all__ = ["Evaluation", "Material", "read_material"]


@dataclass(frozen=True)
class Evaluation:
    """A finished model on the test part, as the skill's own ``evaluate`` left it.

    Attributes:
        kpi: its numbers.
        diagnosis: ``diagnosis.json``, where the model writes one.
        pictures: file name without ending to the file.
    """

    trial: TrialId
    kpi: Mapping[str, float]
    diagnosis: Mapping[str, Any] | None
    pictures: Mapping[str, Path]


@dataclass(frozen=True)
class Material:
    """A study as its files tell it.

    Attributes:
        asked: ``study.json`` whole.
        summary: the document of ``automl status --json``.
        events: all, with their POSIX times.
        evaluations: on the test part, by trial.
    """

    folder: StudyFolder
    sheet: StudySheet
    asked: Mapping[str, Any]
    state: StudyState
    summary: Mapping[str, Any]
    events: tuple[tuple[float, Event], ...]
    evaluations: Mapping[TrialId, Evaluation]

    @property
    def default(self) -> TrialRecord | None:
        """Trial 0; None when it never ran."""
        return self.state.records.get(DEFAULT_TRIAL)

    @property
    def winner(self) -> TrialRecord | None:
        """The trial that the verdict names; the incumbent while there is none."""
        verdict = self.summary["verdict"]
        return self.state.records[verdict["winner"]["trial"]] if verdict else self.state.incumbent


def read_material(folder: StudyFolder) -> Material:
    """Read a study, finished or not.

    Raises:
        StudyError: ``study.json`` or the events are missing or damaged.
    """
    sheet = folder.read_sheet()
    events = tuple(read_events(folder.events))
    state = StudyState(sheet.metric)
    for at, event in events:
        state.apply(event, at)
    return Material(
        folder=folder,
        sheet=sheet,
        asked=json.loads(folder.sheet.read_text("utf-8")),
        state=state,
        summary=read_summary(folder, state),
        events=events,
        evaluations={
            trial: evaluation
            for trial in state.records
            if (evaluation := _read_evaluation(trial, folder.final_check / trial)) is not None
        },
    )


def _read_evaluation(trial: TrialId, root: Path) -> Evaluation | None:
    try:
        lines = StatusReader(TrialFolder(root).status).read_new()
    except StatusError:
        return None
    kpi = next((line.kpi for line in reversed(lines) if line.kpi), None)
    if kpi is None:
        return None
    pictures = {path.stem: path for path in sorted(root.glob("pictures/*.png"))}
    return Evaluation(trial, kpi, _read_json(root / "diagnosis.json"), pictures)


def _read_json(path: Path) -> Mapping[str, Any] | None:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
