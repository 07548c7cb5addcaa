"""Staging on fsspec's own file store: what a real object store answers is tested beside."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from automl.adapters.object_store import RemoteFolder
from automl.errors import DataError, EnvironmentUnusableError, UsageError
from automl.storage import StagedData, stage
from automl.storage.cache import make_room


@pytest.fixture(autouse=True)
def nothing_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("automl.storage.cache._held", {})


@pytest.fixture
def store(tmp_path: Path) -> Path:
    (tmp_path / "store" / "training").mkdir(parents=True)
    (tmp_path / "store" / "training" / "0.bin").write_bytes(b"points")
    (tmp_path / "store" / "train.pkl").write_bytes(b"infos")
    return tmp_path / "store"


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    real = RemoteFolder.download

    def download(self: RemoteFolder, name: str, path: Path) -> None:
        names.append(name)
        real(self, name, path)

    monkeypatch.setattr(RemoteFolder, "download", download)
    return names


def test_every_file_comes_once_whoever_asks(store: Path, cache: Path, downloads: list[str]) -> None:
    with ThreadPoolExecutor(8) as pool:
        roots = {staged.root for staged in pool.map(lambda _: stage(f"file://{store}"), range(8))}
    (root,) = roots
    assert sorted(downloads) == ["train.pkl", "training/0.bin"]
    assert (root.parent, (root / "training" / "0.bin").read_bytes()) == (cache / "data", b"points")


def test_other_content_lies_elsewhere(store: Path) -> None:
    before = stage(f"file://{store}").root
    (store / "train.pkl").write_bytes(b"other infos")
    after = stage(f"file://{store}/").root
    assert before != after
    assert [(root / "train.pkl").read_bytes() for root in (before, after)] == [b"infos", b"other infos"]


def test_file_that_was_damaged_here_is_fetched_again(store: Path, downloads: list[str]) -> None:
    staged = stage(f"file://{store}")
    (staged.root / "train.pkl").write_bytes(b"")
    staged.ensure()
    assert ((staged.root / "train.pkl").read_bytes(), len(downloads)) == (b"infos", 4)
    (staged.root / ".staged.json").write_text('{"files":' * 100_000)
    staged.ensure()
    assert len(downloads) == 6


def test_manifest_holds_size_and_hash(store: Path) -> None:
    manifest = json.loads((stage(f"file://{store}").root / ".staged.json").read_text())
    assert manifest["files"]["training/0.bin"] == {
        "bytes": 6,
        "sha256": "c54a061dfcc125cb160421b2680feaf6d65d938d756d887fe4d8d1d046eb626e",
    }


def test_node_without_the_data_fetches_what_was_planned_and_nothing_else(store: Path) -> None:
    staged = stage(f"file://{store}")
    (staged.root / ".staged.json").unlink()
    (store / "train.pkl").write_bytes(b"other infos")
    with pytest.raises(DataError, match=f"it was {staged.root.name} when the study was planned"):
        StagedData(staged.uri, staged.root).ensure()


def test_file_that_never_comes_whole_is_told_with_both_sizes(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RemoteFolder, "download", lambda self, name, path: path.write_bytes(b"in"))
    with pytest.raises(DataError, match=r"came with 2 bytes .* the store lists (5|6) bytes"):
        stage(f"file://{store}")


def test_empty_root_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: has no files"):
        stage(f"file://{tmp_path}/nowhere")


def test_unused_data_go_first_and_used_data_stay(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOML_CACHE_GB", "3e-6")
    for age, name in enumerate(["newer", "older", "used"]):
        (cache / "data" / name).mkdir(parents=True)
        (cache / "data" / name / "file").write_bytes(b"0" * 1000)
        os.utime(cache / "data" / name, (100 - age, 100 - age))
    from automl.storage.cache import hold

    hold(cache / "data" / "used")
    make_room(cache / "data" / "new", 1000)
    left = {path.name for path in (cache / "data").iterdir() if path.is_dir()}
    assert left == {"newer", "used"}


def test_data_beyond_the_quota_are_refused_with_both_figures(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOML_CACHE_GB", "2")
    (cache / "data").mkdir(parents=True)
    with pytest.raises(
        EnvironmentUnusableError, match=r"3\.00 GB are to be staged, there is room for 2\.00 GB \(quota 2 GB"
    ):
        make_room(cache / "data" / "new", 3_000_000_000)


def test_quota_that_is_no_number_is_told(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOML_CACHE_GB", "much")
    (cache / "data").mkdir(parents=True)
    with pytest.raises(UsageError, match="AUTOML_CACHE_GB: 'much' is no number of gigabytes"):
        make_room(cache / "data" / "new", 1)


def test_store_that_nobody_knows_is_told() -> None:
    with pytest.raises(EnvironmentUnusableError, match=r"nosuch://bucket: is no store: .*nosuch"):
        stage("nosuch://bucket")
