"""Studies that lose their controller, and the commands that end them and go on with them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from fake_ports import RecordingTracker
from fake_skill import write_fake_skill
from fake_study import make_job

from automl.adapters.sequential import SequentialScheduler
from automl.app import Outcome, resume, run, stop
from automl.cli.main import main
from automl.errors import EnvironmentUnusableError, StudyError, UsageError
from automl.request import RunRequest
from automl.study.events import EventLog, StudyStarted, read_events
from automl.study.store import StudyFolder, process_start
from automl.trials.leftovers import find_leftovers
from automl.types import TrialId

CONTROLLER = Path(__file__).resolve().parents[2] / "fakes" / "controller.py"


@pytest.fixture(autouse=True)
def tracker(monkeypatch: pytest.MonkeyPatch) -> RecordingTracker:
    tracker = RecordingTracker()
    monkeypatch.setattr("automl.app.training._make_scheduler", lambda _: SequentialScheduler())
    monkeypatch.setattr("automl.app.training.make_tracker", lambda _: tracker)
    return tracker


@pytest.fixture
def skill(tmp_path: Path) -> Path:
    return write_fake_skill(tmp_path / "skill")


FLAGS: dict[str, Any] = {"trials": 6, "max_epochs": 6, "seed": 1, "algorithm": "asha", "study_id": "night"}


def request(skill: Path, results_dir: Path, epoch_s: float = 0.0, **flags: Any) -> RunRequest:
    overrides = ("dataset.test_file=none", f"train.epoch_s={epoch_s}")
    return RunRequest(skill_dir=skill, results_dir=results_dir, overrides=overrides, **{**FLAGS, **flags})


def table(outcome: Outcome) -> list[tuple[Any, ...]]:
    keys = ("id", "params", "state", "cause", "value", "epochs")
    return [tuple(map(str, (trial[key] for key in keys))) for trial in outcome.document["trials"]]


def start_controller(skill: Path, results_dir: Path) -> tuple[subprocess.Popen[bytes], StudyFolder]:
    """A controller in a process of its own, with two trials behind it."""
    flags = [
        "--trials",
        "6",
        "--max-epochs",
        "6",
        "--seed",
        "1",
        "--algorithm",
        "asha",
        "--study-id",
        "night",
    ]
    sets = ["--set", "dataset.test_file=none", "--set", "train.epoch_s=0.05", "--quiet"]
    paths = ["--skill-dir", str(skill), "--results-dir", str(results_dir)]
    process = subprocess.Popen([sys.executable, str(CONTROLLER), "run", *paths, *flags, *sets])
    folder = StudyFolder(results_dir / "night")
    while not (folder.trial(TrialId("2")).status.exists() and find_leftovers(folder.trial(TrialId("2")))):
        assert process.poll() is None
        time.sleep(0.02)
    return process, folder


def test_study_whose_controller_was_killed_ends_as_if_it_had_not_been(tmp_path: Path, skill: Path) -> None:
    whole = run(request(skill, tmp_path / "whole", 0.05))
    process, folder = start_controller(skill, tmp_path / "broken")
    process.kill()
    process.wait()
    outcome = resume(folder)
    assert table(outcome) == table(whole)
    assert outcome.document["epochs_total"] == whole.document["epochs_total"]
    assert sum(isinstance(event, StudyStarted) for _, event in read_events(folder.events)) == 2


def test_stop_ends_a_study_and_its_trainers_and_says_how_to_go_on(
    tmp_path: Path, skill: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    process, folder = start_controller(skill, tmp_path / "results")
    with pytest.raises(UsageError, match=rf"night is run by process {process.pid}\n.*automl stop night"):
        resume(folder)
    with pytest.raises(SystemExit) as ended:
        main(["stop", "--results-dir", str(tmp_path / "results"), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert (ended.value.code, process.wait(10)) == (0, 130)
    assert (told["was_running"], told["state"], told["killed"]) == (True, "interrupted", 0)
    assert told["resume"] == f"automl resume night --results-dir {tmp_path / 'results'}"
    assert find_leftovers(folder.trial(TrialId("2"))) == []


@pytest.mark.slow
def test_controller_that_hangs_is_killed_when_patience_ends(tmp_path: Path, skill: Path) -> None:
    process, folder = start_controller(skill, tmp_path / "results")
    process.send_signal(signal.SIGSTOP)
    told = stop(folder, patience_s=0.5)
    assert (told.was_running, process.wait(5), told.state) == (True, -9, "interrupted")
    assert find_leftovers(folder.trial(TrialId("2"))) == []


def test_same_run_command_goes_on_with_the_study_of_that_name(
    tmp_path: Path, skill: Path, tracker: RecordingTracker
) -> None:
    first = run(request(skill, tmp_path / "results"))
    again = run(request(skill, tmp_path / "results"))
    assert table(again) == table(first)
    assert [name for name, _ in tracker.calls].count("study_started") == 1
    with pytest.raises(
        UsageError, match=r"trials: was 6 when night began and is 7 now\n.*automl resume night"
    ):
        run(request(skill, tmp_path / "results", trials=7))


@pytest.mark.parametrize("name", ["../night", "/night", "a/b", "", ".", "..", "-x", "a" * 101, "a\nb"])
def test_name_that_is_a_path_is_refused(tmp_path: Path, skill: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a study"):
        run(request(skill, tmp_path / "results", study_id=name))
    assert not (tmp_path / "results").exists()


def test_interrupt_says_how_to_go_on(
    tmp_path: Path, skill: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("automl.app.training.run_study", interrupt)
    command = ["run", "--skill-dir", str(skill), "--results-dir", str(tmp_path), "--study-id", "night"]
    with pytest.raises(SystemExit) as ended:
        main([*command, "--set", "dataset.test_file=none"])
    assert ended.value.code == 130
    assert f"go on with\n  automl resume night --results-dir {tmp_path}" in capsys.readouterr().err


@pytest.mark.parametrize("hint", ["make room", ""])
def test_what_a_study_lost_says_how_it_goes_on(
    tmp_path: Path, skill: Path, monkeypatch: pytest.MonkeyPatch, hint: str
) -> None:
    def fail(*_: Any) -> None:
        raise EnvironmentUnusableError("Ray on this machine died", hint=hint)

    monkeypatch.setattr("automl.app.training.run_study", fail)
    with pytest.raises(EnvironmentUnusableError) as ended:
        run(request(skill, tmp_path))
    begins = f"{hint}; " if hint else ""
    way_on = f"once that is mended, go on with: automl resume night --results-dir {tmp_path}"
    assert ended.value.faults[0].hint == f"{begins}{way_on}"


def test_plain_action_cannot_be_gone_on_with(tmp_path: Path) -> None:
    folder = make_job(tmp_path)
    with pytest.raises(UsageError, match=r"is a plain action, which begins anew"):
        resume(folder)


def test_study_that_would_be_another_today_is_refused(tmp_path: Path, skill: Path) -> None:
    run(request(skill, tmp_path / "results", trials=1))
    folder = StudyFolder(tmp_path / "results" / "night")
    lines = folder.events.read_text().splitlines(keepends=True)
    folder.events.write_text("".join(lines[:-1]))
    template = skill / "references" / "spec_template_train.yaml"
    template.write_text(template.read_text().replace("width: 8", "width: 16"))
    with pytest.raises(StudyError, match=r"spec\.model\.width: was 8 when the study began and is 16 now"):
        resume(folder)


def test_controller_of_another_machine_is_left_to_its_lock(tmp_path: Path, skill: Path) -> None:
    run(request(skill, tmp_path / "results", trials=1))
    folder = StudyFolder(tmp_path / "results" / "night")
    folder.events.unlink()
    pid = os.getpid()
    with EventLog(folder.events) as log:
        log.append(StudyStarted(pid, process_start(pid) or 0, "elsewhere"))
        with pytest.raises(UsageError, match="night is run by a living controller"):
            resume(folder)
        with pytest.raises(UsageError, match="runs on elsewhere"):
            stop(folder, patience_s=1.0)
    assert resume(folder).document["state"] == "finished"


def test_report_that_the_controller_could_not_write_any_more_is_written_by_resume(
    tmp_path: Path, skill: Path
) -> None:
    ended = run(request(skill, tmp_path, trials=2, max_epochs=1))
    folder = StudyFolder(tmp_path / "night")
    folder.report.unlink()
    events = folder.events.read_bytes()
    assert table(resume(folder)) == table(ended)
    assert folder.report.stat().st_size > 1000
    assert folder.events.read_bytes() == events
