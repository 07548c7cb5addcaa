"""Staging and results on an S3 endpoint of this machine."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

REASON = "needs s3fs and moto[server], 170 MB that the default installation leaves out"
pytest.importorskip("s3fs", reason=REASON)
moto = pytest.importorskip("moto.server", reason=REASON)

from automl.adapters.object_store import RemoteFolder  # noqa: E402
from automl.cli.studies import find_results  # noqa: E402
from automl.errors import EnvironmentUnusableError  # noqa: E402
from automl.storage import make_uploader, stage  # noqa: E402
from tests.fakes.fake_study import finished_study  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty bucket."""
    import s3fs

    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3fs.S3FileSystem.clear_instance_cache()
    name = f"bucket-{secrets.token_hex(4)}"  # the server's content outlives it in this process
    s3fs.S3FileSystem().mkdir(name)
    yield f"s3://{name}"
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


def test_data_are_staged_and_new_content_lies_elsewhere(bucket: str, tmp_path: Path) -> None:
    (tmp_path / "train.pkl").write_text("infos")
    RemoteFolder(f"{bucket}/kitti").upload(tmp_path / "train.pkl", "train.pkl")
    before = stage(f"{bucket}/kitti").root
    (tmp_path / "train.pkl").write_text("other infos")
    RemoteFolder(f"{bucket}/kitti").upload(tmp_path / "train.pkl", "train.pkl")
    after = stage(f"{bucket}/kitti").root
    assert [(root / "train.pkl").read_text() for root in (before, after)] == ["infos", "other infos"]


def test_study_is_found_from_another_machine(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = finished_study(find_results(f"{bucket}/results") / "study-1")
    (uploader,) = make_uploader(folder.root)
    uploader.study_started(folder.read_sheet())
    uploader.study_ended({}, ())
    monkeypatch.setenv("AUTOML_CACHE", str(tmp_path / "elsewhere"))
    there = find_results(f"{bucket}/results") / "study-1" / "events.jsonl"
    assert there.read_bytes() == folder.events.read_bytes()


def test_server_that_hangs_is_asked_by_one_library_at_a_time(bucket: str) -> None:
    """s3fs asks five times; were botocore to ask five times each, a file would take minutes to give up."""
    folder = RemoteFolder(bucket)
    folder.list_files()
    assert folder._system.s3.meta.config.retries["total_max_attempts"] == 1


def test_bucket_that_is_not_there_is_told_before_a_study_begins(bucket: str) -> None:
    with pytest.raises(
        EnvironmentUnusableError, match=r"s3://nowhere/a: cannot be listed: .*bucket does not exist"
    ):
        find_results("s3://nowhere/a")
    assert list(find_results(f"{bucket}/nothing/yet").glob("[a-z]*")) == []


def test_bucket_that_is_not_there_is_told_when_something_is_sent(bucket: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(EnvironmentUnusableError, match="s3://nowhere: file cannot be stored: "):
        RemoteFolder("s3://nowhere").upload(tmp_path / "file", "file")
