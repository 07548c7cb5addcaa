from pathlib import Path

import pytest

from automl import tracking
from automl.errors import EnvironmentUnusableError, UsageError
from automl.tracking import check_store, choose_store, file_system_of, sqlite_file


@pytest.mark.parametrize(
    "uri",
    ["http://127.0.0.1:5000", "https://me@tracking.example/x", "sqlite:////tmp/a.db", "postgresql://me@db/mlflow",
     "mysql+pymysql://me@db/mlflow", "databricks", "databricks://profile"],
)  # fmt: skip
def test_stores_that_mlflow_can_write_to_are_taken(uri: str) -> None:
    check_store(uri)


@pytest.mark.parametrize(
    ("uri", "named"),
    [("file:///a/mlruns", "file"), ("/a/mlruns", "/a/mlruns"), ("htp://host", "htp"), ("mlruns", "mlruns")],
)
def test_other_schemes_are_refused_before_anything_runs(uri: str, named: str) -> None:
    with pytest.raises(UsageError, match=rf"--tracking-uri: '{named}' is no tracking store\n.*sqlite"):
        check_store(uri)


@pytest.mark.parametrize("uri", ["https://me:hunter2@host", "postgresql+psycopg2://me:hunter2@db/mlflow"])
def test_password_in_the_address_is_refused_and_not_repeated(uri: str) -> None:
    with pytest.raises(UsageError, match="address holds a password") as caught:
        check_store(uri)
    assert "hunter2" not in str(caught.value)


def test_sqlite_on_a_network_file_system_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "file_system_of", lambda _: "nfs4")
    with pytest.raises(EnvironmentUnusableError, match=r"/mnt/x/mlflow\.db: lies on nfs4") as caught:
        check_store("sqlite:////mnt/x/mlflow.db")
    assert caught.value.exit_code == 3
    check_store("http://host")


def test_longest_mount_point_decides_about_the_file_system(tmp_path: Path) -> None:
    assert file_system_of(Path("/proc/self/status")) == "proc"
    assert file_system_of(tmp_path / "not" / "yet") == file_system_of(tmp_path) != ""


def test_default_store_lies_beside_the_results(tmp_path: Path) -> None:
    store = choose_store(None, "bevfusion", tmp_path)
    assert (sqlite_file(store.uri), store.artifacts) == (tmp_path / "mlflow.db", tmp_path / "mlartifacts")
    assert choose_store("http://host", "x", tmp_path).artifacts is None
