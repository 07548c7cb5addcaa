import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from automl.errors import StudyError, UsageError
from automl.study.store import StudyFolder, find_folder, list_folders, new_folder, process_start
from automl.types import Budget, Metric, StudySheet


def make_study(results: Path, kind: str = "study", at: float = 1.0) -> StudyFolder:
    folder = new_folder(results, kind)
    written = folder.sheet if kind == "study" else folder.job
    written.write_text("{}")
    os.utime(written, (at, at))
    return folder


def test_ids_carry_kind_and_time_and_differ(tmp_path: Path) -> None:
    ids = {new_folder(tmp_path, "study").id for _ in range(20)}
    assert len(ids) == 20
    assert all(one.startswith("study-20") and len(one) == len("study-20261122-213000-ab12") for one in ids)


def test_newest_study_is_found_without_an_id(tmp_path: Path) -> None:
    make_study(tmp_path, at=1.0)
    newest = make_study(tmp_path, at=2.0)
    make_study(tmp_path, "evaluate", at=3.0)
    assert find_folder(tmp_path) == newest
    assert [folder.id.split("-")[0] for folder in list_folders(tmp_path)] == ["study", "study", "evaluate"]


def test_job_is_found_by_id(tmp_path: Path) -> None:
    job = make_study(tmp_path, "evaluate")
    assert find_folder(tmp_path, job.id) == job


def test_unknown_id_lists_what_there_is(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    with pytest.raises(UsageError, match=rf"there is no study 'study-x'(.|\n)*{study.id}"):
        find_folder(tmp_path, "study-x")


def test_empty_results_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"there is no study yet(.|\n)*nothing"):
        find_folder(tmp_path / "missing")


def test_sheet_reads_back_equal(tmp_path: Path, metric: Metric) -> None:
    folder = new_folder(tmp_path, "study")
    space = {"parameters": [], "excluded": []}
    sheet = StudySheet(
        folder.id, folder.root, "bevfusion", metric, Budget(8, 6, time_s=60.0), space, {"policy": "on"}
    )
    folder.write_sheet(sheet, {"seed": 3})
    assert folder.read_sheet() == sheet
    assert json.loads(folder.sheet.read_text())["seed"] == 3


@pytest.mark.parametrize("text", ["{", "{}", '{"model": "x"}'])
def test_damaged_sheet_is_named(tmp_path: Path, text: str) -> None:
    folder = new_folder(tmp_path, "study")
    folder.sheet.write_text(text)
    with pytest.raises(StudyError, match=r"study\.json: cannot be read"):
        folder.read_sheet()


def test_start_of_a_process_tells_it_from_a_later_one() -> None:
    assert process_start(os.getpid()) == process_start(os.getpid()) != process_start(1)
    assert process_start(2**22 + 1) is None


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"run_id": "a"}', '{"tracking_uri": 1, "experiment_id": 2, "run_id": 3}']
)
def test_damaged_link_to_the_tracker_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "tracking.json").write_text(text)
    folder = StudyFolder(tmp_path)
    assert (folder.read_tracking(), folder.read_tracking_store()) == (None, None)


def test_study_whose_controller_died_before_its_sheet_was_written_can_begin(tmp_path: Path) -> None:
    root = new_folder(tmp_path, "study", "night").root
    for draft in (".study.json.77.tmp", ".warm_start.json.77.tmp", "warm_start.json"):
        (root / draft).touch()
    assert new_folder(tmp_path, "study", "night").root == root
    (root / "notes.txt").touch()
    with pytest.raises(UsageError, match="is there already and is no study"):
        new_folder(tmp_path, "study", "night")


def test_only_what_a_dead_process_left_half_written_is_dropped(tmp_path: Path) -> None:
    folder = StudyFolder(tmp_path / "study")
    folder.best.mkdir(parents=True)
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], stdout=subprocess.PIPE)
    names = [f".checkpoint.pth.{int(ended.stdout)}.tmp", f".spec.yaml.{os.getpid()}.tmp", ".notes.tmp"]
    for name in names:
        (folder.best / name).touch()
    folder.drop_drafts()
    assert sorted(path.name for path in folder.best.iterdir()) == sorted(names[1:])
