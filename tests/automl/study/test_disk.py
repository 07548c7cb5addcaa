import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from automl.errors import EnvironmentUnusableError
from automl.study.disk import DiskWatch, raise_if_disk_failed
from automl.study.store import StudyFolder
from automl.types import TrialId

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def folder(tmp_path: Path) -> StudyFolder:
    study = StudyFolder(tmp_path / "night")
    checkpoints = study.trial(TrialId("0")).checkpoints
    checkpoints.mkdir(parents=True)
    (checkpoints / "epoch_1.pth").write_bytes(b"x" * 3_000_000)
    return study


def test_quota_is_held_and_says_what_to_do(folder: StudyFolder) -> None:
    DiskWatch(folder, 4_000_000).check()
    with pytest.raises(EnvironmentUnusableError, match=r"takes 3 MB, allowed are 2 MB\n.*resume night"):
        DiskWatch(folder, 2_000_000).check()


def test_nothing_is_launched_where_no_checkpoint_would_fit(
    folder: StudyFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = DiskWatch(folder)
    watch.after_report(folder.trial(TrialId("0")))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(9, 9, 2_500_000))
    assert not watch.has_room()
    with pytest.raises(EnvironmentUnusableError, match="the disk has 2 MB left, a trial needs 3 MB"):
        watch.check()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(9, 9, 4_000_000))
    watch.check()


def test_refusal_of_the_disk_is_no_defect(folder: StudyFolder) -> None:
    with pytest.raises(
        EnvironmentUnusableError, match=r"x\.json: cannot be written: No space left"
    ) as caught:
        raise_if_disk_failed(OSError(28, "No space left on device", "x.json"), folder)
    assert caught.value.exit_code == 3
    assert caught.value.faults[0].hint.endswith("the same command again")
    folder.sheet.touch()
    with pytest.raises(EnvironmentUnusableError, match="automl resume night"):
        raise_if_disk_failed(OSError(28, "No space left on device"), folder)


def test_other_errors_pass(folder: StudyFolder) -> None:
    raise_if_disk_failed(FileNotFoundError(2, "No such file"), folder)
    raise_if_disk_failed(ValueError("x"), folder)
