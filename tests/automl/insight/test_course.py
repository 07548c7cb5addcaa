"""What a study's events show of its course, and the command that shows all of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from scripted_study import ScriptedStudy

from automl.cli.main import main
from automl.insight.course import draw_course
from automl.insight.views import draw_parallel, draw_slices
from automl.ports import Decision
from automl.space import Parameter, ParameterKind, SearchSpace
from automl.study.events import read_events
from automl.types import Report, Role, TrialId, TrialRecord, TrialState


def course_of(study: ScriptedStudy, **gpus: Any) -> dict[str, Any]:
    events = read_events(study.folder.events)
    return draw_course(study.metric, events, gpus_per_trial=gpus.get("gpus_per_trial", 1.0))


def test_history_names_every_leader_with_what_was_spent_until_then(tmp_path: Path) -> None:
    study = ScriptedStudy(tmp_path, [10.0, 20.0], [5.0, 6.0], [30.0, 15.0])
    study.run()
    history = course_of(study)["history"]
    leaders = [(step["trial"], step["value"], step["epochs_total"]) for step in history["incumbents"]]
    assert leaders == [("0", 10.0, 1), ("0", 20.0, 2), ("2", 30.0, 5)]
    ends = [(end["trial"], end["value"], end["best"], end["epochs_total"]) for end in history["trials"]]
    assert ends == [("0", 20.0, 20.0, 2), ("1", 6.0, 20.0, 4), ("2", 30.0, 30.0, 6)]
    assert all(step["seconds"] >= 0 for step in history["incumbents"])


def test_leader_that_fails_gives_way(tmp_path: Path) -> None:
    study = ScriptedStudy(tmp_path, [10.0], [90.0, "diverged"])
    study.run()
    steps = course_of(study)["history"]["incumbents"]
    assert [step["trial"] for step in steps] == ["0", "1", "0"]


def test_rungs_show_who_paused_where_and_who_went_on(tmp_path: Path) -> None:
    study = ScriptedStudy(tmp_path, [10.0, 20.0, 30.0], [15.0, 16.0, 17.0])
    strategy: Any = study.ports.strategy
    strategy.decisions = {("0", 1): Decision.PAUSE, ("1", 2): Decision.PAUSE}
    strategy.promotes = True
    study.run()
    rungs = course_of(study)["rungs"]
    assert rungs["epochs"] == [1, 2]
    first = rungs["trials"][0]
    assert (first["from"], first["to"], first["state"]) == (0, 3, "succeeded")
    assert first["pauses"] == [{"epoch": 1, "value": 10.0, "promoted": True}]


def test_cost_is_split_by_how_trials_ended(tmp_path: Path) -> None:
    study = ScriptedStudy(tmp_path, [10.0, 20.0], ["diverged"], seeds=1, finalists=1)
    study.run()
    cost = course_of(study, gpus_per_trial=4.0)["cost"]
    assert (cost["epochs_total"], cost["by_state"]["succeeded"]["epochs"]) == (2, 2)
    assert (cost["by_state"]["failed"]["trials"], cost["by_state"]["failed"]["epochs"]) == (1, 0)
    assert cost["gpu_hours"] == pytest.approx(4 * cost["trial_seconds"] / 3600)


SPACE = SearchSpace(
    (
        Parameter("lr", ParameterKind.FLOAT, 1e-4, 1e-1, log=True, default=1e-3),
        Parameter("head", ParameterKind.CATEGORICAL, choices=("a", "b"), default="a"),
    )
)


def test_views_leave_out_repeats_and_show_what_a_trial_does_not_have() -> None:
    records = [
        TrialRecord(TrialId("0"), {"lr": 0.1}, TrialState.PRUNED, reports=(Report(3, 9, 5.0),), value=5.0),
        TrialRecord(TrialId("1"), {"lr": 0.1}, TrialState.SUCCEEDED, role=Role.CONFIRM, value=6.0),
    ]
    parallel = draw_parallel(SPACE, records)
    assert [(axis["name"], axis["log"], axis["choices"]) for axis in parallel["axes"]] == [
        ("lr", True, []), ("head", False, ["a", "b"]),
    ]  # fmt: skip
    point = {"trial": "0", "value": 5.0, "epochs": 3, "state": "pruned", "cause": ""}
    assert parallel["lines"] == [{**point, "params": [0.1, None]}]
    assert draw_slices(SPACE, records) == {"lr": [{**point, "x": 0.1}], "head": []}


def test_command_shows_all_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = ScriptedStudy(tmp_path, [10.0, 20.0], [30.0, 15.0])
    sheet = {"plan": {"resources": {"gpus_per_trial": 2, "nodes_per_trial": 3}}}
    study.folder.write_sheet(
        study.plan.sheet.__class__(**{**vars(study.plan.sheet), "space": SPACE.to_json()}), sheet
    )
    study.run()
    for flags in ([], ["--json"]):
        with pytest.raises(SystemExit) as ended:
            main(["insight", study.folder.id, "--results-dir", str(tmp_path), *flags])
        assert ended.value.code == 0
    text, _, document = capsys.readouterr().out.strip().rpartition("\n")
    assert "Too few trials were measured" in text
    found = json.loads(document)
    assert {"importances", "parallel", "slices", "history", "rungs", "cost", "pareto"} <= set(found)
    assert found["cost"]["gpu_hours"] == pytest.approx(6 * found["cost"]["trial_seconds"] / 3600)
