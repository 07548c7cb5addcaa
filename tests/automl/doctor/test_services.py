"""Ray and MLflow: whether they answer where they are said to be."""

import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from automl.doctor import services


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    listening = HTTPServer(("127.0.0.1", 0), Healthy)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listening.server_port}"
    listening.shutdown()
    listening.server_close()


def test_a_server_is_asked_for_its_health(server: str, tmp_path: Path) -> None:
    found = services.check_mlflow(server, tmp_path)
    assert (found.status, found.found) == ("ok", f"{server} answers 200")


def test_a_server_that_is_down_is_a_warning_since_studies_run_without_it(tmp_path: Path) -> None:
    found = services.check_mlflow("http://127.0.0.1:9", tmp_path)
    assert found.status == "warning"
    assert "Connection refused" in found.found
    assert "automl sync" in found.remedy


def test_the_local_store_is_made_counted_or_called_broken(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    assert services.check_mlflow(None, tmp_path).found == f"{path} will be made"
    with sqlite3.connect(path) as database:
        database.execute("create table runs (id)")
    assert services.check_mlflow(None, tmp_path).found == f"{path}, 0 runs"
    path.write_text("no database " * 100)
    found = services.check_mlflow(None, tmp_path)
    assert (found.status, found.found) == ("failed", f"{path}: file is not a database")


def test_sqlite_on_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "file_system_of", lambda _: "nfs4")
    found = services.check_mlflow(None, tmp_path)
    assert (found.status, found.found) == ("failed", f"{tmp_path / 'mlflow.db'} lies on nfs4")


def answer(monkeypatch: pytest.MonkeyPatch, *, out: str = "", error: str | None = None) -> list[list[str]]:
    """Ray's commands answer this; the list receives what was called."""
    calls: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        if error is not None:
            raise subprocess.CalledProcessError(1, command, stderr=error)
        return subprocess.CompletedProcess(command, 0, out)

    monkeypatch.setattr(services.subprocess, "run", run)
    return calls


def test_a_cluster_is_asked_at_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = answer(monkeypatch)
    found = services.check_ray("10.0.0.1:6379")
    assert (found.status, found.found) == ("ok", "a cluster answers at 10.0.0.1:6379")
    assert calls[0][1:] == ["status", "--address=10.0.0.1:6379"]


def test_a_cluster_that_does_not_answer_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, error="traceback\nConnectionError: no GCS")
    found = services.check_ray("auto")
    assert (found.status, found.found) == ("failed", "no cluster answers: ConnectionError: no GCS")
    assert found.remedy.endswith("or leave --ray-address auto out")


@pytest.mark.parametrize(("least", "status"), [(0, "ok"), (float("inf"), "warning")])
def test_shared_memory_counts_where_ray_starts_here(
    monkeypatch: pytest.MonkeyPatch, least: float, status: str
) -> None:
    answer(monkeypatch, out="2.60.0\n")
    monkeypatch.setattr(services, "_LEAST_SHARED_BYTES", least)
    found = services.check_ray(None)
    assert found.status == status
    assert found.found.startswith("2.60.0, starts on this machine; ")


def test_a_broken_ray_is_told_with_its_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, error="ImportError: libray.so")
    assert services.check_ray(None).found == "cannot be imported: ImportError: libray.so"
