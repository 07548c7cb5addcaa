"""What a cluster's nodes cannot reach is said before anything starts."""

from pathlib import Path

import pytest

from automl.planning.sharing import sharing_warnings
from automl.request import RunRequest


def request_of(tmp_path: Path, data: str | None, address: str | None = "auto") -> RunRequest:
    return RunRequest(data=data, results_dir=tmp_path / "results", ray_address=address)


def test_one_machine_needs_nothing(tmp_path: Path) -> None:
    assert list(sharing_warnings(request_of(tmp_path, str(tmp_path), None))) == []


def test_local_folders_are_named_with_their_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("automl.planning.sharing.file_system_of", lambda _: "ext4")
    results, data = sharing_warnings(request_of(tmp_path, str(tmp_path / "kitti")))
    assert results.startswith(f"results go to {tmp_path}/results on ext4: trials on other nodes")
    assert data.startswith(f"data lie in {tmp_path}/kitti on ext4: every node needs them")


def test_shared_results_and_data_of_a_store_need_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("automl.planning.sharing.file_system_of", lambda _: "nfs4")
    assert list(sharing_warnings(request_of(tmp_path, "s3://data/kitti"))) == []
