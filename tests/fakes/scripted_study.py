"""A study of scripted trials in one process: curves in, state out."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fake_ports import ListStrategy, RecordingTracker, ScriptedJob

from automl.adapters.sequential import SequentialScheduler
from automl.controller import Ports, StudyPlan, run_study
from automl.study.state import StudyState
from automl.study.store import new_folder
from automl.trials.folder import TrialFolder
from automl.types import Budget, Direction, Metric, Resources, Role, Spec, StudySheet, TrialId, TrialRecord

Curve = Sequence[float | str | None]


class ScriptedStudy:
    """Trial ``k`` of the search follows curve ``k``; on seed ``s`` each of its values is off by ``noise[s]``.

    ``cursed`` seeds end the repeats of a trial as the text says.
    """

    def __init__(
        self,
        tmp_path: Path,
        *curves: Curve,
        noise: Mapping[int, float] | None = None,
        cursed: Mapping[tuple[float, int], str] | None = None,
        **budget: Any,
    ) -> None:
        self.noise, self.cursed = {0: 0.0, **(noise or {})}, cursed or {}
        self.metric = Metric("AP11", Direction.MAXIMIZE)
        self.folder = new_folder(tmp_path, "study")
        limits = Budget(**{"trials": len(curves), "max_epochs": max(map(len, curves)), **budget})
        sheet = StudySheet(self.folder.id, self.folder.root, "fake", self.metric, limits, {"parameters": []})
        self.folder.write_sheet(sheet, {})
        self.plan = StudyPlan(sheet, Resources(gpus_per_trial=1), self.make_spec, ScriptedJob)
        self.tracker = RecordingTracker()
        self.ports = Ports(ListStrategy(curves), SequentialScheduler(), [self.tracker])

    def make_spec(self, record: TrialRecord, folder: TrialFolder) -> Spec:
        curve: list[Any] = list(record.params["curve"])  # type: ignore[arg-type]
        if how := self.cursed.get((curve[0], record.seed)):
            return {"results_dir": str(folder.root), "curve": [how]}
        moved = [v + self.noise.get(record.seed, 0.0) if isinstance(v, float) else v for v in curve]
        return {"results_dir": str(folder.root), "curve": moved}

    def run(self, **ports: Any) -> StudyState:
        return run_study(self.plan, replace(self.ports, **ports))

    def checkpoints(self, trial: str) -> list[int]:
        return [c.epoch for c in self.folder.trial(TrialId(trial)).list_checkpoints()]


def repeats(state: StudyState) -> list[tuple[float, int, str]]:
    """First value of the curve, seed and outcome of every repeat, in order."""
    return [
        (record.params["curve"][0], record.seed, record.state.value)  # type: ignore[index, misc]
        for record in state.records.values()
        if record.role is Role.CONFIRM
    ]
