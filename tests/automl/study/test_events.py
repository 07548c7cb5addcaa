import resource
import time
from pathlib import Path

import pytest

from automl.errors import EnvironmentUnusableError, StudyError, UsageError
from automl.study.events import (
    EpochReported,
    Event,
    EventLog,
    StudyEnded,
    StudyStarted,
    TrialEnded,
    TrialPaused,
    TrialStarted,
    TrialSuggested,
    read_events,
)
from automl.types import Cause, Report, TrialId, TrialState

ZERO = TrialId("0")
ALL: list[Event] = [
    StudyStarted(41, 1234),
    TrialSuggested(ZERO, {"lr": 1e-3, "betas": (0.9, 0.99), "kind": None}),
    TrialStarted(ZERO),
    EpochReported(ZERO, Report(1, 2, 41.5, {"AP11": 41.5})),
    TrialPaused(ZERO),
    TrialEnded(ZERO, TrialState.FAILED, Cause.DIVERGED, "exit code 5"),
    StudyEnded("finished", {"gain_val": 1.5}),
]


def write(path: Path, events: list[Event]) -> None:
    with EventLog(path) as log:
        for event in events:
            log.append(event)


def test_every_event_reads_back_equal(tmp_path: Path) -> None:
    write(tmp_path / "events.jsonl", ALL)
    assert [event for _, event in read_events(tmp_path / "events.jsonl")] == ALL


def test_reopened_log_continues_the_chain(tmp_path: Path) -> None:
    write(tmp_path / "events.jsonl", ALL[:3])
    write(tmp_path / "events.jsonl", ALL[3:])
    assert [event for _, event in read_events(tmp_path / "events.jsonl")] == ALL


def test_line_cut_by_a_crash_is_dropped_and_written_over(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, ALL[:2])
    with path.open("ab") as stream:
        stream.write(b'{"time": 1, "kind": "Trial')
    assert [event for _, event in read_events(path)] == ALL[:2]
    write(path, ALL[2:])
    assert [event for _, event in read_events(path)] == ALL


def test_changed_line_breaks_the_chain(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, ALL)
    path.write_text(path.read_text().replace('"epoch": 1, "max_epoch": 2', '"epoch": 2, "max_epoch": 2'))
    with pytest.raises(StudyError, match=r"events\.jsonl: the event .*TrialPaused.* lines were changed"):
        list(read_events(path))


def test_lost_line_breaks_the_chain_for_writers_too(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    write(path, ALL)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:2] + lines[3:]))
    with pytest.raises(StudyError, match=r"EpochReported.* lines were changed, lost or added"):
        EventLog(path)


def test_line_that_is_no_event_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"kind": "Party"}\n')
    with pytest.raises(StudyError, match=r"damaged event .*Party"):
        list(read_events(path))


def test_second_writer_is_refused_and_told_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "study-a").mkdir()
    path = tmp_path / "study-a" / "events.jsonl"
    with EventLog(path) as log:
        log.append(ALL[0])
        with pytest.raises(UsageError, match=r"study-a is run by a living controller\n.*automl stop study-a"):
            EventLog(path)
    write(path, ALL[1:2])
    assert [event for _, event in read_events(path)] == ALL[:2]


def test_link_in_place_of_the_events_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("precious")
    (tmp_path / "events.jsonl").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(EnvironmentUnusableError, match=r"events\.jsonl: cannot be written: Too many levels"):
        EventLog(tmp_path / "events.jsonl")
    assert (tmp_path / "elsewhere").read_text() == "precious"


def test_full_disk_leaves_whole_lines_and_says_how_to_go_on(tmp_path: Path) -> None:
    (tmp_path / "study-a").mkdir()
    path = tmp_path / "study-a" / "events.jsonl"
    with EventLog(path) as log:
        log.append(ALL[0])
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 40, hard))
        try:
            with pytest.raises(EnvironmentUnusableError, match=r"File too large\n.*automl resume study-a"):
                log.append(ALL[1])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert path.read_bytes().count(b"\n") == 1
        assert path.read_bytes().endswith(b"\n")
        log.append(ALL[2])
    assert [event for _, event in read_events(path)] == [ALL[0], ALL[2]]


def test_steps_of_the_wall_clock_do_not_reach_the_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "events.jsonl"
    now = time.time()
    with EventLog(path) as log:
        first = log.append(ALL[0])
        monkeypatch.setattr(time, "time", lambda: now + 86400)
        second = log.append(ALL[1])
    monkeypatch.setattr(time, "time", lambda: now - 86400)
    with EventLog(path) as log:
        third = log.append(ALL[2])
    assert first <= second <= third < now + 60
