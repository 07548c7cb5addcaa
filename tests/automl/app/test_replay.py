"""A study retraced: decisions come out equal from the events before them, or a difference is named."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_skill import write_fake_skill

from automl.adapters.sequential import SequentialScheduler
from automl.app import run
from automl.app.replay import Kind, Match, find_other_versions, retrace
from automl.cli.main import main
from automl.ports import JobFactory, StudyDriver
from automl.request import RunRequest
from automl.study.store import StudyFolder


class InTurns:
    """Two trials side by side in one thread: an epoch of the one, an epoch of the other."""

    def run(self, driver: StudyDriver, make_job: JobFactory) -> None:
        from automl.ports import Launch
        from automl.trials.folder import TrialFolder

        running: list[tuple[Launch, Any]] = []
        while True:
            while len(running) < 2 and isinstance(launch := driver.next_trial(), Launch):
                driver.on_start(launch.trial)
                running.append((launch, make_job(launch)))
            if not running:
                return
            launch, job = running.pop(0)
            if (report := job.next_report()) is None:
                job.stop()
                driver.on_end(launch.trial, None)
                continue
            if driver.on_report(launch.trial, report):
                TrialFolder(launch.folder).stop_request.touch()
            running.append((launch, job))


class NoTracker:
    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., StudyFolder]:
    def begin(scheduler: Any, **flags: Any) -> StudyFolder:
        monkeypatch.setattr("automl.app.training._make_scheduler", lambda _: scheduler)
        monkeypatch.setattr("automl.app.training.make_tracker", lambda _: NoTracker())
        base = {"results_dir": tmp_path / "results", "overrides": ("dataset.test_file=none",), "trials": 6}
        skill = write_fake_skill(tmp_path / "skill")
        outcome = run(RunRequest(**{**base, "skill_dir": skill, "max_epochs": 4, "seed": 5, **flags}))
        return StudyFolder(Path(outcome.document["results_dir"]))

    return begin


@pytest.mark.parametrize("algorithm", ["random", "bayesian", "asha"])
@pytest.mark.parametrize("scheduler", [SequentialScheduler(), InTurns()])
def test_every_decision_comes_out_equal(
    start: Callable[..., StudyFolder], algorithm: str, scheduler: Any
) -> None:
    folder = start(scheduler, algorithm=algorithm, trials=8, seeds=1, confirm_top=1)
    steps = list(retrace(folder, verify=True))
    assert {step.match for step in steps} == {Match.EQUAL}
    kinds = [step.kind for step in steps]
    assert (kinds.count(Kind.SUGGESTION), kinds.count(Kind.REPEAT)) == (8, 2)


def test_step_tells_what_the_decision_knew(start: Callable[..., StudyFolder]) -> None:
    steps = list(retrace(start(InTurns(), algorithm="random", trials=3), verify=False))
    assert [(s.trial, s.ended, s.running) for s in steps] == [
        ("0", 0, ()),
        ("1", 0, ("0",)),
        ("2", 1, ("1",)),
    ]
    assert {step.match for step in steps} == {Match.NOT_DERIVED}
    assert steps[0].recorded == {"params": {"train.lr": 1e-05}, "origin": None, "seed": 0}


def forge(folder: StudyFolder, edit: Callable[[dict[str, Any]], None]) -> None:
    sheet = json.loads(folder.sheet.read_text())
    edit(sheet)
    folder.sheet.write_text(json.dumps(sheet))


def test_first_difference_is_named_and_nothing_after_it_is_derived(start: Callable[..., StudyFolder]) -> None:
    folder = start(SequentialScheduler(), algorithm="random")
    forge(folder, lambda sheet: sheet.update(seed=6))
    steps = list(retrace(folder, verify=True))
    assert [step.match.value for step in steps] == ["equal", "different", *["not derived"] * 4]
    assert steps[1].derived["params"] != steps[1].recorded["params"]


def call(capsys: pytest.CaptureFixture[str], folder: StudyFolder, *flags: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(["replay", folder.id, "--results-dir", str(folder.root.parent), *flags])
    return int(ended.value.code or 0), capsys.readouterr().out


def test_command_says_equal_with_0_and_names_a_difference_with_1(
    start: Callable[..., StudyFolder], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = start(SequentialScheduler(), algorithm="random", trials=3)
    assert "3 decisions; --verify derives them again." in call(capsys, folder)[1]
    code, out = call(capsys, folder, "--verify")
    assert (code, "3 decisions come out equal." in out) == (0, True)
    forge(folder, lambda sheet: (sheet.update(seed=6), sheet["versions"].update(optuna="4.9")))
    code, out = call(capsys, folder, "--verify")
    assert (code, "The suggestion of trial 1, after 8 events, comes out otherwise:" in out) == (1, True)
    assert "optuna was 4.9 when the study began and is 5" in out
    code, out = call(capsys, folder, "--verify", "--json")
    assert (code, json.loads(out)["first_difference"]["trial"]) == (1, "1")
    assert list(find_other_versions(folder)) == ["optuna"]
