from pathlib import Path

import pytest
import yaml

from automl.trials.folder import TrialFolder, write_atomically


def make_checkpoints(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text("weights")


def test_checkpoints_sort_by_number_however_they_are_padded(tmp_path: Path) -> None:
    make_checkpoints(tmp_path / "checkpoints", "epoch_10.pth", "epoch_9.pth", "epoch_0002.pth")
    assert [found.epoch for found in TrialFolder(tmp_path).list_checkpoints()] == [2, 9, 10]


def test_unfinished_and_foreign_files_are_no_checkpoints(tmp_path: Path) -> None:
    make_checkpoints(
        tmp_path / "checkpoints", ".epoch_1.pth.tmp", "last_checkpoint", "epoch_x.pth", "best.pth"
    )
    assert TrialFolder(tmp_path).list_checkpoints() == []


def test_checkpoints_of_trainers_without_a_checkpoint_folder_are_found(tmp_path: Path) -> None:
    make_checkpoints(tmp_path, "model_epoch_003.pth", "epoch_4.json")
    assert [found.epoch for found in TrialFolder(tmp_path).list_checkpoints()] == [3, 4]


def test_missing_epoch_falls_back_to_the_newest_checkpoint(tmp_path: Path) -> None:
    make_checkpoints(tmp_path / "checkpoints", "epoch_2.pth", "epoch_4.pth")
    folder = TrialFolder(tmp_path)
    assert folder.find_checkpoint(2) == tmp_path / "checkpoints/epoch_2.pth"
    assert folder.find_checkpoint(3) == tmp_path / "checkpoints/epoch_4.pth"
    assert TrialFolder(tmp_path / "empty").find_checkpoint(1) is None


def test_only_kept_epochs_stay(tmp_path: Path) -> None:
    make_checkpoints(tmp_path / "checkpoints", "epoch_1.pth", "epoch_2.pth", "epoch_3.pth")
    TrialFolder(tmp_path).keep_checkpoints({1, 3})
    assert [found.epoch for found in TrialFolder(tmp_path).list_checkpoints()] == [1, 3]


def test_spec_survives_the_round_trip_in_order(tmp_path: Path) -> None:
    folder = TrialFolder(tmp_path / "trials" / "0")
    folder.write_spec({"train": {"lr": 1e-4, "betas": [0.9, 0.999]}, "model": {"type": "BEVFusion"}})
    read = yaml.safe_load(folder.spec.read_text())
    assert read == {"train": {"lr": 1e-4, "betas": [0.9, 0.999]}, "model": {"type": "BEVFusion"}}
    assert list(read) == ["train", "model"]


def test_atomic_write_replaces_and_leaves_no_draft(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a.json", "old")
    write_atomically(tmp_path / "a.json", "new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a.json", "new")]


def test_checkpoint_behind_a_link_out_of_the_folder_is_neither_used_nor_deleted(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "epoch_3.pth").write_text("precious")
    folder = TrialFolder(tmp_path / "0")
    folder.checkpoints.mkdir(parents=True)
    (folder.checkpoints / "epoch_1.pth").symlink_to(outside / "epoch_3.pth")
    (folder.checkpoints / "epoch_2.pth").write_text("own")
    assert [checkpoint.epoch for checkpoint in folder.list_checkpoints()] == [2]
    folder.keep_checkpoints(set())
    assert (outside / "epoch_3.pth").read_text() == "precious"


def test_full_disk_leaves_the_old_file_and_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "best.json"
    write_atomically(path, "old")

    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, "new")
    assert (path.read_text(), [entry.name for entry in tmp_path.iterdir()]) == ("old", ["best.json"])
