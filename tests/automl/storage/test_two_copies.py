"""A study on this machine and at its store, each of which may know what the other does not."""

import logging
import os
import time
from pathlib import Path

import pytest

from automl.cli.studies import find_results
from automl.cli.sync import command as sync
from automl.errors import EnvironmentUnusableError, StudyError
from automl.storage import fetch_best, fetch_study, make_uploader, results, send_study
from automl.study.store import StudyFolder
from tests.fakes.fake_study import finished_study

AHEAD_S = 3600.0


@pytest.fixture
def study(store: Path) -> StudyFolder:
    """A study of which both sides hold the same, with a winner's model."""
    folder = finished_study(find_results(f"file://{store}") / "study-1")
    folder.best.mkdir(exist_ok=True)
    (folder.best / "checkpoint.pth").write_text("weights")
    assert send_study(folder.root) == sum(path.is_file() for path in (store / "study-1").rglob("*"))
    return folder


def go_on(events: Path, line: str = '{"more": 1}\n') -> bytes:
    with events.open("a") as stream:
        stream.write(line)
    return events.read_bytes()


def go_on_there(store: Path, line: str = '{"theirs": 1}\n') -> Path:
    """What another machine did, as a store lists it whose clock is an hour behind."""
    there = store / "study-1"
    go_on(there / "events.jsonl", line)
    (there / "best" / "checkpoint.pth").write_text("better weights")
    past = time.time() - AHEAD_S
    for name in ("events.jsonl", "best/checkpoint.pth"):
        os.utime(there / name, (past, past))
    return there


def test_what_was_never_sent_outlives_a_store_whose_clock_is_ahead(study: StudyFolder, store: Path) -> None:
    ours = go_on(study.events)
    sent = store / "study-1" / "events.jsonl"
    os.utime(sent, (time.time() + AHEAD_S,) * 2)
    find_results(f"file://{store}")
    fetch_study(study.root)
    assert study.events.read_bytes() == ours
    assert (send_study(study.root), sent.read_bytes()) == (1, ours)


def test_sync_sends_results_though_mlflow_is_down(
    study: StudyFolder, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise EnvironmentUnusableError("MLflow is down")

    monkeypatch.setattr("automl.app.sync", fail)
    ours = go_on(study.events)
    with pytest.raises(EnvironmentUnusableError, match="MLflow is down"):
        sync("study-1", results_dir=find_results(f"file://{store}"))
    assert (store / "study-1" / "events.jsonl").read_bytes() == ours


def test_nothing_is_fetched_again_that_was_sent_from_here(
    study: StudyFolder, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []
    monkeypatch.setattr(
        "automl.adapters.object_store.RemoteFolder.download", lambda _, n, __: fetched.append(n)
    )
    find_results(f"file://{store}")
    fetch_study(study.root)
    assert fetched == []


def test_study_that_went_on_elsewhere_comes_whatever_the_clocks_say(study: StudyFolder, store: Path) -> None:
    there = go_on_there(store)
    find_results(f"file://{store}")
    assert study.events.read_bytes() == (there / "events.jsonl").read_bytes()
    fetch_best(study.root)
    assert (study.best / "checkpoint.pth").read_text() == "better weights"


def test_model_of_a_state_that_is_past_is_replaced_though_it_was_never_sent(
    study: StudyFolder, store: Path
) -> None:
    (study.best / "checkpoint.pth").write_text("weights that the store never got")
    go_on_there(store)
    find_results(f"file://{store}")
    fetch_best(study.root)
    assert (study.best / "checkpoint.pth").read_text() == "better weights"


def test_line_cut_short_by_a_crash_does_not_make_two_histories(study: StudyFolder, store: Path) -> None:
    go_on(study.events, '{"cut sho')
    there = go_on_there(store)
    find_results(f"file://{store}")
    assert study.events.read_bytes() == (there / "events.jsonl").read_bytes()


def test_two_histories_are_told_and_neither_is_overwritten(
    study: StudyFolder, store: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ours = go_on(study.events)
    theirs = (go_on_there(store) / "events.jsonl").read_bytes()
    with caplog.at_level(logging.WARNING):
        find_results(f"file://{store}")
    assert f"study=study-1 went on here and at file://{store}" in caplog.text
    with pytest.raises(StudyError, match=f"from before what this one did not send\n.*move {study.root} away"):
        fetch_study(study.root)
    assert (study.events.read_bytes(), (store / "study-1/events.jsonl").read_bytes()) == (ours, theirs)


@pytest.mark.parametrize("ledger", ["", "[]", '{"events.jsonl": {"a": 1}}', '{"a":' * 100_000])
def test_copy_without_a_ledger_is_compared_by_content(study: StudyFolder, store: Path, ledger: str) -> None:
    (study.root / ".copies.json").write_text(ledger)
    ours = go_on(study.events)
    find_results(f"file://{store}")
    assert study.events.read_bytes() == ours


def test_events_come_first_however_many_there_are(
    study: StudyFolder, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOML_CACHE", str(store.parent / "elsewhere"))
    monkeypatch.setattr(results, "_SMALL_BYTES", 10)
    there = find_results(f"file://{store}") / "study-1"
    assert {path.name for path in there.iterdir()} == {"study.json", "events.jsonl", ".copies.json"}


def test_what_a_dead_controller_deleted_is_deleted_there_by_the_next(study: StudyFolder, store: Path) -> None:
    (study.best / "checkpoint.pth").unlink()
    (uploader,) = make_uploader(study.root)
    uploader.study_started(study.read_sheet())
    uploader.study_ended({}, ())
    assert not (store / "study-1" / "best" / "checkpoint.pth").exists()


def test_what_is_not_sent_is_sent_before_the_events_that_speak_of_it(
    study: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []
    monkeypatch.setattr(
        "automl.adapters.object_store.RemoteFolder.upload", lambda _, path, name: sent.append(name) or "1"
    )
    go_on(study.events)
    for name in ("best/checkpoint.pth", "study.json"):
        (study.root / name).write_text("new")
    send_study(study.root)
    assert sent == ["best/checkpoint.pth", "study.json", "events.jsonl"]
