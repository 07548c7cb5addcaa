"""Whole studies that a language model, an earlier study or several objectives guide; then retraced."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chat_server import ChatServer, fails, proposes, says, serve
from fake_skill import write_fake_skill

from automl.adapters.sequential import SequentialScheduler
from automl.app import resume, run
from automl.app.replay import Match, retrace
from automl.errors import EnvironmentUnusableError, UsageError
from automl.request import RunRequest
from automl.study.store import StudyFolder

KEY = "sk-very-secret"
Start = Callable[..., StudyFolder]


class NoTracker:
    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    monkeypatch.setattr("automl.app.training._make_scheduler", lambda _: SequentialScheduler())
    monkeypatch.setattr("automl.app.training.make_tracker", lambda _: NoTracker())
    skill = write_fake_skill(tmp_path / "skill")

    def begin(**flags: Any) -> StudyFolder:
        base = {"results_dir": tmp_path / "results", "overrides": ("dataset.test_file=none",), "trials": 4}
        outcome = run(RunRequest(**{**base, "skill_dir": skill, "max_epochs": 2, "seed": 5, **flags}))
        return StudyFolder(Path(outcome.document["results_dir"]))

    return begin


def point_at(server: ChatServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"BASE_URL": server.url, "MODEL": "tuner-1", "API_KEY": KEY}.items():
        monkeypatch.setenv(f"AUTOML_LLM_{name}", value)


def trials_of(folder: StudyFolder) -> list[dict[str, Any]]:
    from automl.study.summary import read_summary

    trials: list[dict[str, Any]] = read_summary(folder)["trials"]
    return trials


def matches(folder: StudyFolder) -> list[Match]:
    return [step.match for step in retrace(folder, verify=True)]


def test_model_proposes_and_its_reasons_stay_with_the_trials(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [proposes(f"reason {k}", train__lr=10**-k) for k in (2, 3, 4)]
    with serve(*answers) as server:
        point_at(server, monkeypatch)
        folder = start(algorithm="llm")
    found = [(t["source"], t["reason"], t["params"]["train.lr"]) for t in trials_of(folder)]
    assert found[1:] == [("tuner-1", f"reason {k}", 10**-k) for k in (2, 3, 4)]
    assert matches(folder) == [Match.EQUAL, *[Match.ADOPTED] * 3]
    for path in folder.root.rglob("*"):
        assert not path.is_file() or KEY not in path.read_text("utf-8", "replace"), path


def test_dead_endpoint_is_said_and_auto_goes_on_and_can_be_retraced(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve(proposes(train__lr=0.01), fails(500)) as server:
        point_at(server, monkeypatch)
        folder = start(algorithm="llm", trials=5)
    trials = trials_of(folder)
    assert [trial["source"] for trial in trials] == ["", "tuner-1", "", "", ""]
    assert "tuner-1 failed: the endpoint answers 500" in trials[2]["reason"]
    assert "tuner-1 was given up after 2 failures" in trials[4]["reason"]
    assert matches(folder) == [Match.EQUAL, Match.ADOPTED, *[Match.EQUAL] * 3]


def test_study_that_stops_with_its_model_goes_on_when_that_answers(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with serve(proposes(train__lr=0.01), says("no idea")) as server:
        point_at(server, monkeypatch)
        with pytest.raises(EnvironmentUnusableError, match="tuner-1 has no proposal for trial 2"):
            start(algorithm="autoresearch", on_llm_failure="stop")
        (folder,) = map(StudyFolder, (tmp_path / "results").glob("study-*"))
        assert len(trials_of(folder)) == 2
        server.behaviours[:] = [proposes(train__lr=0.02), proposes(train__lr=0.03)]
        outcome = resume(folder)
    assert outcome.document["state"] == "finished"
    assert [trial["params"]["train.lr"] for trial in trials_of(folder)][1:] == [0.01, 0.02, 0.03]


def test_hybrid_takes_turns_within_its_tokens(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(proposes(train__lr=0.01), proposes(train__lr=0.02)) as server:
        point_at(server, monkeypatch)
        folder = start(algorithm="hybrid", trials=6, llm_tokens=130)
    assert [trial["source"] for trial in trials_of(folder)] == ["", "tuner-1", "", "tuner-1", "", ""]
    assert "240 of 130 tokens are spent" in trials_of(folder)[5]["reason"]


def test_without_an_endpoint_nothing_is_started(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "AUTOML_LLM_BASE_URL", "AUTOML_LLM_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(EnvironmentUnusableError, match="llm asks a language model"):
        start(algorithm="llm")
    assert not (tmp_path / "results").exists() or not list((tmp_path / "results").glob("study-*"))


@pytest.mark.parametrize("algorithm", ["asha", "bayesian"])
def test_best_of_an_earlier_study_comes_first_and_the_study_can_be_retraced_without_it(
    start: Start, algorithm: str
) -> None:
    earlier = start(algorithm="random", trials=6)
    ranked = sorted(trials_of(earlier)[1:], key=lambda trial: -trial["value"])
    folder = start(algorithm=algorithm, warm_start=earlier.id, trials=6)
    first = trials_of(folder)[1]
    assert first["params"] == ranked[0]["params"]
    assert first["reason"].startswith(f"among the best of {earlier.id}")
    earlier.sheet.unlink()
    assert set(matches(folder)) == {Match.EQUAL}


def test_several_objectives_have_a_front_and_can_be_retraced(start: Start) -> None:
    folder = start(algorithm="asha", trials=7, objectives=("AP11:maximize", "loss:minimize"))
    from automl.study.summary import read_summary

    pareto = read_summary(folder)["pareto"]
    assert [entry["name"] for entry in pareto["objectives"]] == ["AP11", "loss"]
    best = max(trial["value"] for trial in trials_of(folder))
    assert pareto["front"][0]["values"]["AP11"] == best
    assert set(matches(folder)) == {Match.EQUAL}
    assert "weighs AP11" in trials_of(folder)[3]["reason"]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"algorithm": "pbt", "warm_start": "x"}, "--warm-start: pbt hands on weights"),
        (
            {"algorithm": "llm", "objectives": ("a:minimize", "b:minimize")},
            "--objective: llm asks a language model",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(start: Start, flags: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        start(**flags)


def test_ledger_holds_what_was_asked_and_answered(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(proposes(train__lr=0.01), proposes(train__lr=0.02), proposes(train__lr=0.03)) as server:
        point_at(server, monkeypatch)
        folder = start(algorithm="llm")
    entries = [json.loads(line) for line in (folder.root / "llm.jsonl").read_text().splitlines()]
    assert [entry["trial"] for entry in entries] == ["1", "2", "3"]
    assert json.loads(entries[0]["answer"])["params"] == {"train.lr": 0.01}
    assert [len(json.loads(entry["messages"][1]["content"])["results"]) for entry in entries] == [1, 2, 3]
