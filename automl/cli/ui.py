"""``automl ui``: MLflow's own pages on the store that the studies wrote to."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from automl.cli.studies import ResultsDir

__all__ = ["command", "list_pages"]

_HOST = "127.0.0.1"
_LOOKS_A_SECOND = 5
_FOR_ONE_PERSON = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PYTHONWARNINGS": "ignore"}
"""No process that waits for jobs, and no warnings that only MLflow's authors can mend."""


def command(
    results_dir: ResultsDir = Path("results"),
    tracking_uri: Annotated[str | None, typer.Option(help="Another store than the newest study's.")] = None,
    port: Annotated[int, typer.Option(help="Port on this machine's loopback.")] = 5000,
) -> int:
    r"""Open the MLflow UI on the right store, reachable from this machine only.

    \b
    Examples:
      automl ui
      automl ui --results-dir ./results --port 5001
    """
    from automl.errors import UsageError
    from automl.study.store import find_folder

    uri, pages = tracking_uri, {}
    if uri is None:
        folder = find_folder(results_dir)
        link = folder.read_tracking()
        if link is None:
            raise UsageError(
                "the newest study was not tracked", where=str(results_dir), hint="give --tracking-uri"
            )
        uri, pages = link["tracking_uri"], list_pages(link, is_search=folder.read_sheet().is_search)
    if uri.startswith(("http://", "https://")):
        print("the tracking server has its own pages", file=sys.stderr)
        _tell(uri, pages)
        return 0
    return _serve(uri, port, pages)


def list_pages(link: Mapping[str, str], *, is_search: bool) -> dict[str, str]:
    """What of a study is worth opening: a word for each page, and its address relative to the server.

    Args:
        link: ``tracking.json`` of the study.
        is_search: whether it has trials, and a view of them.
    """
    from automl.adapters.mlflow_pages import run_page, trials_page

    experiment, run = link["experiment_id"], link["run_id"]
    pages = {"answer": run_page(experiment, run)}
    return {**pages, "trials": trials_page(experiment, run)} if is_search else pages


def _serve(uri: str, port: int, pages: Mapping[str, str]) -> int:
    """Run MLflow's server as one person needs it, and tell its addresses once it answers; its exit code."""
    from automl.errors import UsageError
    from automl.trials.interrupts import stop_signals

    if _answers(port):
        raise UsageError(
            f"port {port} is taken by another program", where="--port", hint=f"try --port {port + 1}"
        )
    for number in stop_signals():  # so that the server ends with this process
        signal.signal(number, signal.default_int_handler)
    print(f"MLflow starts on {uri}; Ctrl-C ends it", file=sys.stderr, flush=True)
    words = ["-m", "mlflow", "ui", "--backend-store-uri", uri, "--host", _HOST, "--port", str(port)]
    words += ["--workers", "1", "--uvicorn-opts", "--log-level=warning"]  # requests would bury the addresses
    server = subprocess.Popen([sys.executable, *words], env={**os.environ, **_FOR_ONE_PERSON})
    try:
        while server.poll() is None and not _answers(port):
            time.sleep(1 / _LOOKS_A_SECOND)
        if server.poll() is None:
            _tell(f"http://{_HOST}:{port}", pages)
        return server.wait()
    finally:
        server.terminate()


def _tell(server: str, pages: Mapping[str, str]) -> None:
    for word, page in (pages or {"pages": ""}).items():
        print(f"{word:<8}{server.rstrip('/')}/{page}", file=sys.stderr, flush=True)


def _answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((_HOST, port)) == 0
