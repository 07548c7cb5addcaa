"""Ray and MLflow: whether they start, or answer where they are said to be."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from automl.doctor.check import Check, CheckStatus
from automl.tracking import NETWORK_FILE_SYSTEMS, file_system_of, local_tracking_uri

__all__ = ["check_mlflow", "check_ray"]

_ANSWER_S = 5.0
_RAY_S = 60.0
_LEAST_SHARED_BYTES = 100e6
_SQLITE = "sqlite:///"


def check_ray(address: str | None) -> Check:
    """Ray as a study would use it: the cluster at ``address``, else one of this machine's own.

    Ray runs in a child process, since a connection cannot be undone in this one.
    """
    own_bin = Path(sys.executable).parent
    if address is None:
        command = [sys.executable, "-c", "import ray.tune; print(ray.__version__)"]
    else:
        command = [str(own_bin / "ray"), "status", f"--address={address}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_RAY_S, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()[-1:]
        if address is None:
            remedy = "pip install --constraint constraints.txt 'automl-3d[tune]'"
            return Check("ray", CheckStatus.FAILED, f"cannot be imported: {''.join(said)}", remedy)
        remedy = f"start it with `ray start --head` there, or leave --ray-address {address} out"
        return Check("ray", CheckStatus.FAILED, f"no cluster answers: {''.join(said)}", remedy)
    if address is not None:
        return Check("ray", CheckStatus.OK, f"a cluster answers at {address}")
    return _shared_memory(done.stdout.strip())


def _shared_memory(ray_version: str) -> Check:
    """Objects travel through /dev/shm; where it is tiny, Ray falls back to files and says so at length."""
    shared = Path("/dev/shm")  # noqa: S108 - looked at, not written
    free = shutil.disk_usage(shared).free if shared.exists() else 0
    found = f"{ray_version}, starts on this machine; {free / 1e9:.1f} GB of shared memory"
    if free >= _LEAST_SHARED_BYTES:
        return Check("ray", CheckStatus.OK, found)
    return Check("ray", CheckStatus.WARNING, found, "give the container more: --shm-size=1g")


def check_mlflow(uri: str | None, results_dir: Path) -> Check:
    """The tracking store: a server's health page, or a SQLite file that can be opened.

    Args:
        uri: None for the store beside the results.
        results_dir: where studies lie.
    """
    try:
        import automl.adapters.mlflow_runs  # noqa: F401, PLC0415 - whether it can be is asked
    except ImportError as error:
        remedy = "pip install --constraint constraints.txt 'automl-3d[tune]'"
        return Check("mlflow", CheckStatus.FAILED, f"cannot be imported: {error}", remedy)
    uri = uri or local_tracking_uri(results_dir)
    if uri.startswith(("http://", "https://")):
        return _check_server(uri)
    if uri.startswith(_SQLITE):
        return _check_sqlite(Path(uri.removeprefix(_SQLITE)))
    return Check("mlflow", CheckStatus.WARNING, f"{uri} is not a server and not SQLite: not looked at")


def _check_server(uri: str) -> Check:
    try:
        with urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=_ANSWER_S) as answer:  # noqa: S310 - http only
            return Check("mlflow", CheckStatus.OK, f"{uri} answers {answer.status}")
    except (OSError, ValueError) as error:
        said = getattr(error, "reason", error)
        remedy = (
            "start it, or leave --tracking-uri out; a study runs without it, and `automl sync` catches up"
        )
        return Check("mlflow", CheckStatus.WARNING, f"{uri} does not answer: {said}", remedy)


def _check_sqlite(path: Path) -> Check:
    place = path if path.exists() else path.parent
    if (kind := file_system_of(place)) in NETWORK_FILE_SYSTEMS:
        remedy = "SQLite breaks on network file systems: put it on a local disk, or run a server"
        return Check("mlflow", CheckStatus.FAILED, f"{path} lies on {kind}", remedy)
    if not path.exists():
        return Check("mlflow", CheckStatus.OK, f"{path} will be made")
    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=_ANSWER_S) as database:
            (runs,) = database.execute("select count(*) from runs").fetchone()
    except sqlite3.Error as error:
        remedy = "move it away; `automl rebuild` makes it anew from the studies"
        return Check("mlflow", CheckStatus.FAILED, f"{path}: {error}", remedy)
    return Check("mlflow", CheckStatus.OK, f"{path}, {runs} runs")
