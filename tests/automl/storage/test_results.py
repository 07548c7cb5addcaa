"""Results at a URI: sent as they appear, and looked at from a machine that never saw them."""

import json
import logging
import re
import time
from pathlib import Path

import pytest

from automl.adapters.object_store import RemoteFile, RemoteFolder
from automl.cli.best import command as show_best
from automl.cli.leaderboard import print_summary
from automl.cli.list_ import command as list_studies
from automl.cli.studies import find_results
from automl.errors import DataError, EnvironmentUnusableError, UsageError
from automl.places import origin_of
from automl.storage import fetch_study, make_uploader
from automl.storage.upload import Uploader
from automl.study.events import EventLog
from automl.study.store import StudyFolder, find_folder
from automl.study.summary import read_summary
from tests.fakes.fake_study import finished_study


@pytest.fixture
def study(store: Path) -> StudyFolder:
    """A finished study in the working folder of the store, with a winner and a checkpoint."""
    folder = finished_study(find_results(f"file://{store}") / "study-1")
    for name in ("best/checkpoint.pth", "trials/2/checkpoints/epoch_5.pth"):
        (folder.root / name).parent.mkdir(parents=True, exist_ok=True)
        (folder.root / name).write_text("weights")
    return folder


def send(folder: StudyFolder) -> None:
    (uploader,) = make_uploader(folder.root)
    uploader.study_started(folder.read_sheet())
    uploader.study_ended({}, ())


def test_folder_of_this_machine_stays_what_it_is(tmp_path: Path) -> None:
    assert find_results("results") == Path("results")
    assert (origin_of(tmp_path), make_uploader(tmp_path / "study")) == (None, ())


def test_study_is_listed_on_a_machine_that_never_saw_it(
    study: StudyFolder, store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    send(study)
    monkeypatch.setenv("AUTOML_CACHE", str(store.parent / "elsewhere"))
    list_studies(results_dir=find_results(f"file://{store}"), as_json=True)
    (entry,) = json.loads(capsys.readouterr().out)["entries"]
    told = {"model": "fake", "action": "train", "metric": "AP11", "default": 20, "best": 60.0}
    assert entry == {"id": "study-1", "state": "finished", "trials": 4, **told}


def test_hints_name_the_uri_and_no_folder_of_the_cache(
    study: StudyFolder, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert study.command("status") == f"automl status study-1 --results-dir file://{store}"
    print_summary({**read_summary(study), "verdict": None})
    lines = capsys.readouterr().out.splitlines()
    place = lines.index(f"results    file://{store}/study-1")
    assert lines[place + 1].strip() == f"here in {study.root}"


@pytest.mark.parametrize("name", ["study-1/../../../x", "../x/y", "study-1/../study-2/events.jsonl"])
def test_key_that_leads_out_of_its_study_writes_nothing(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(RemoteFolder, "list_files", lambda _: [RemoteFile(name, 1, "1")])
    with pytest.raises(DataError, match=f"file://{store}/{re.escape(name)}: leads out of its study"):
        find_results(f"file://{store}")
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [".origin"]


def test_hidden_files_never_come_from_a_store(store: Path) -> None:
    for name in (".origin", "study-1/.copies.json"):
        (store / name).parent.mkdir(parents=True, exist_ok=True)
        (store / name).write_text("s3://somebody/else")
    results_dir = find_results(f"file://{store}")
    assert (origin_of(results_dir), list(results_dir.iterdir())) == (
        f"file://{store}",
        [results_dir / ".origin"],
    )


def test_place_without_studies_is_named_as_it_was_given(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results_dir = find_results(f"file://{store}")
    list_studies(results_dir=results_dir)
    assert f"no studies or jobs in file://{store};" in capsys.readouterr().out
    with pytest.raises(UsageError, match=f"^file://{store}: there is no study yet"):
        find_folder(results_dir)


def test_winners_model_comes_when_it_is_asked_for_and_those_of_trials_when_the_study_goes_on(
    study: StudyFolder, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(study)
    monkeypatch.setenv("AUTOML_CACHE", str(store.parent / "elsewhere"))
    there = find_results(f"file://{store}") / "study-1"
    best, checkpoint = there / "best" / "checkpoint.pth", there / "trials/2/checkpoints/epoch_5.pth"
    assert (best.exists(), checkpoint.exists()) == (False, False)
    show_best(None, results_dir=there.parent)
    assert (best.read_text(), checkpoint.exists()) == ("weights", False)
    fetch_study(there)
    assert checkpoint.read_text() == "weights"


def test_link_that_leads_out_of_the_study_sends_nothing_of_this_machine(
    study: StudyFolder, store: Path, tmp_path: Path
) -> None:
    (tmp_path / "id_rsa").write_text("private")
    (study.root / "trials" / "2" / "outside.txt").symlink_to(tmp_path / "id_rsa")
    (study.root / "trials" / "2" / "inside.txt").symlink_to(study.root / "best" / "checkpoint.pth")
    send(study)
    sent = store / "study-1" / "trials" / "2"
    assert (sent / "inside.txt").read_text() == "weights"
    assert not (sent / "outside.txt").exists()


def test_files_appear_and_vanish_there_while_the_study_runs(study: StudyFolder, store: Path) -> None:
    remote = RemoteFolder(f"file://{store}/study-1")
    uploader = Uploader(study.root, remote, pause_s=0.02)
    uploader.study_started(study.read_sheet())
    kept, gone = (study.trial("2").checkpoints / f"epoch_{epoch}.pth" for epoch in (6, 5))  # type: ignore[arg-type]
    kept.write_text("newer weights")
    wait_for(store / "study-1" / "trials" / "2" / "checkpoints" / "epoch_6.pth")
    gone.unlink()
    uploader.study_ended({}, ())
    sent = [path.name for path in (store / "study-1" / "trials" / "2" / "checkpoints").iterdir()]
    assert sent == ["epoch_6.pth"]


def wait_for(path: Path) -> None:
    for _ in range(500):
        if path.exists():
            return
        time.sleep(0.01)
    raise AssertionError(f"{path} never came")


def test_store_that_is_down_costs_one_warning_and_gets_all_when_it_is_back(
    study: StudyFolder, store: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real, calls = RemoteFolder.upload, []

    def upload(self: RemoteFolder, path: Path, name: str) -> None:
        calls.append(name)
        if len(calls) < 3:
            raise EnvironmentUnusableError("is down", where=self.uri)
        real(self, path, name)

    monkeypatch.setattr(RemoteFolder, "upload", upload)
    with caplog.at_level(logging.WARNING):
        send(study)
    assert [record.getMessage() for record in caplog.records] == [
        f"study=study-1 results are not sent for now: file://{store}/study-1: is down"
    ]
    assert (store / "study-1" / "events.jsonl").read_bytes() == study.events.read_bytes()


def test_what_never_got_there_is_told_with_its_place(
    study: StudyFolder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(self: RemoteFolder, path: Path, name: str) -> None:
        raise EnvironmentUnusableError("is down", where=self.uri)

    monkeypatch.setattr(RemoteFolder, "upload", refuse)
    send(study)
    assert f"is not whole at {origin_of(study.root.parent)}/study-1: `{study.command('sync')}`" in caplog.text


def test_study_that_is_written_here_is_never_overwritten(study: StudyFolder, store: Path) -> None:
    send(study)
    ours = study.events.read_bytes()
    with EventLog(study.events):
        (store / "study-1" / "events.jsonl").write_text("somebody else's")
        find_results(f"file://{store}")
    assert study.events.read_bytes() == ours
