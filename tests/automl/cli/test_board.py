"""The screen of a study that runs, and what follows its events."""

import json
import logging
import os
import re
from io import StringIO
from pathlib import Path

import pytest
from fake_study import METRIC, finished_study, make_job, trial, write_study
from rich.console import Console

from automl.cli.board import sparkline
from automl.cli.live import LiveProgress, choose_progress
from automl.cli.main import main
from automl.cli.progress import ConsoleProgress
from automl.cli.watching import Watcher
from automl.study.events import EventLog, StudyEnded, StudyStarted, TrialPaused, TrialQueued, TrialStarted
from automl.study.store import StudyFolder, process_start
from automl.types import Budget, Cause, StudyId, StudySheet, TrialId


def screen(watcher: Watcher, width: int = 100) -> list[str]:
    console = Console(width=width, file=StringIO(), force_terminal=False)
    with console.capture() as captured:
        console.print(watcher.board())
    return [" ".join(line.split()) for line in captured.get().splitlines()]


@pytest.fixture
def running(tmp_path: Path) -> StudyFolder:
    """Default done with 20, trial 1 at epoch 2 with 30, trial 2 waits at a rung; run by this very process."""
    two = TrialId("2")
    mine = StudyStarted(os.getpid(), process_start(os.getpid()) or 0)
    events = [
        mine,
        *trial("0", [5, 20]),
        *trial("1", [10, 30])[:-1],
        *trial("2", [8])[:-1], TrialPaused(two, Cause.RUNG),
        TrialQueued(two, "among the best 1 of 3"), TrialPaused(two, Cause.RUNG),
    ]  # fmt: skip
    return write_study(tmp_path / "study-a", events)


def test_a_curve_is_a_line_of_blocks_over_a_common_scale() -> None:
    assert sparkline([0.0, 50.0, None, 100.0], [0.0, 100.0]) == "▁▅ █"
    assert sparkline([3.0, 3.0], [3.0, 3.0]) == "▁▁"
    assert sparkline([], []) == ""


def test_the_screen_shows_budget_standing_and_running_trials(running: StudyFolder) -> None:
    watcher = Watcher(running)
    watcher.read_new()
    lines = screen(watcher)
    text = "\n".join(lines)
    assert lines[0] == "study-a fake"
    assert lines[1].startswith("running, ")
    assert lines[1].endswith(" to go")
    assert re.search(r"1 of 4 trials", text)
    assert "5 of 20 epochs at most" in text
    assert "default trial 0 AP11 20.00" in text
    assert "best trial 1 AP11 30.00 +10.00 lr=0.0001" in text
    assert "trial 1 epoch 2/5 ▂█ 30.00 lr=0.0001" in text
    assert "trial 2 paused epoch 1/5 ▂ 8.00 lr=0.001" in text


def test_what_happened_last_is_told_in_words(running: StudyFolder) -> None:
    watcher = Watcher(running)
    told = [line.partition(" ")[2] for line in watcher.read_new()]
    assert told[:4] == [
        "trial 0 started with the default spec", "trial 0 epoch 1: AP11 5.00, the best so far",
        "trial 0 epoch 2: AP11 20.00, the best so far", "trial 0 finished, AP11 20.00 at epoch 2, 30 s",
    ]  # fmt: skip
    assert "trial 2 paused: it waits until it is among the best of its rung" in told
    assert "trial 2 goes on: among the best 1 of 3" in told
    assert watcher.read_new() == []
    assert any("goes on" in line for line in screen(watcher))


def test_the_screen_says_what_takes_the_time_when_no_trial_runs(tmp_path: Path) -> None:
    mine = StudyStarted(os.getpid(), process_start(os.getpid()) or 0)
    folder = write_study(tmp_path / "study-a", [mine])
    watcher = Watcher(folder)
    watcher.read_new()
    assert "starting" in screen(watcher)
    with EventLog(folder.events) as log:
        for event in trial("0", [5, 20]):
            log.append(event)
    watcher.read_new()
    assert "between two trials" in screen(watcher)
    for checked in ("10", "0"):
        (folder.final_check / checked).mkdir(parents=True)
    assert "final check on the test part: trial 0, 10" in screen(watcher)


def test_a_narrow_screen_cuts_lines_and_wraps_none(running: StudyFolder) -> None:
    watcher = Watcher(running)
    watcher.read_new()
    assert len(screen(watcher, 50)) == len(screen(watcher, 100))


def test_a_study_is_over_when_it_ended_or_its_controller_is_gone(
    running: StudyFolder, tmp_path: Path
) -> None:
    watchers = [Watcher(running), Watcher(write_study(tmp_path / "study-b", trial("0", [1.0])))]
    for watcher in watchers:
        watcher.read_new()
    assert [watcher.is_over() for watcher in watchers] == [False, True]


def test_a_study_before_its_first_event_is_waited_for_a_while(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "study-a", [])
    folder.events.unlink()
    watcher = Watcher(folder)
    watcher.read_new()
    assert (watcher.is_over(), screen(watcher)[:2]) == (False, ["study-a fake", "running"])
    os.utime(folder.sheet, (1e9, 1e9))
    assert watcher.is_over()


def test_the_live_view_draws_and_gives_the_terminal_back(running: StudyFolder) -> None:
    stream = StringIO()
    handlers = list(logging.getLogger().handlers)
    view = LiveProgress(Console(file=stream, force_terminal=True, width=100))
    view.study_started(running.read_sheet())
    logging.getLogger("automl.test").warning("the store is slow")
    with EventLog(running.events) as log:
        log.append(TrialStarted(TrialId("2")))
    view.trial_reported(TrialId("1"), None)  # type: ignore[arg-type]  # the events tell it
    assert view._live is not None
    view._live.refresh()
    view.study_ended({"state": "finished"}, ())
    assert "the store is slow" in stream.getvalue()
    assert "2 trials running" in stream.getvalue()
    assert "\x1b[?25h" in stream.getvalue()  # the cursor is shown again
    assert logging.getLogger().handlers == handlers


def test_an_action_without_events_is_told_in_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_job(tmp_path)
    sheet = StudySheet(StudyId(folder.id), folder.root, "fake", METRIC, Budget(1, 1), {}, is_search=False)
    view = LiveProgress(Console(file=StringIO(), force_terminal=True))
    view.study_started(sheet)
    view.study_ended({"state": "finished"}, ())
    assert "finished after 0 s" in capsys.readouterr().err


def test_lines_are_chosen_where_nothing_can_redraw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(choose_progress(), ConsoleProgress)


def test_following_a_study_ends_with_it_and_shows_the_outcome(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finished_study(tmp_path / "study-a")
    with pytest.raises(SystemExit) as ended:
        main(["status", "--follow", "--results-dir", str(tmp_path), "--json"])
    out, err = capsys.readouterr()
    assert ended.value.code == 0
    assert json.loads(out)["state"] == "finished"
    assert "trial 3 failed: it ran out of memory, 10 s" in err


def test_a_terminal_follows_a_study_that_runs_until_it_ends(
    running: StudyFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def end(_: float) -> None:
        with EventLog(running.events) as log:
            log.append(StudyEnded("interrupted"))

    monkeypatch.setattr("automl.cli.status.time.sleep", end)
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": "80"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        main(["status", "--follow", "--results-dir", str(running.root.parent)])
    out, err = capsys.readouterr()
    assert err.index("running, ") < err.index("interrupted, ")
    assert "study-a: interrupted" in out


def test_status_of_a_running_study_begins_with_its_screen(
    running: StudyFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["status", "--results-dir", str(running.root.parent)])
    out = capsys.readouterr().out
    assert out.startswith("study-a  fake\nrunning, ")
    assert out.index("1 trial running") < out.index("rank")
