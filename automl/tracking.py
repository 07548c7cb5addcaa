"""Where runs are shown to people: which tracking stores there are, and which are refused at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from automl.errors import EnvironmentUnusableError, UsageError
from automl.places import is_uri

__all__ = [
    "NETWORK_FILE_SYSTEMS",
    "TrackingStore",
    "check_store",
    "choose_store",
    "file_system_of",
    "local_tracking_uri",
    "sqlite_file",
]

NETWORK_FILE_SYSTEMS = frozenset(
    {
        "nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.glusterfs",
        "ceph", "fuse.ceph", "lustre", "beegfs", "afs",
    }
)  # fmt: skip
_SCHEMES = ("http", "https", "sqlite", "postgresql", "mysql", "mssql", "databricks")
_SQLITE = "sqlite:///"


@dataclass(frozen=True)
class TrackingStore:
    """Where the runs of a study go.

    Attributes:
        uri: server or database.
        experiment: name of the experiment.
        artifacts: folder for artifacts of a new experiment; None leaves it to the server.
    """

    uri: str
    experiment: str
    artifacts: Path | None = None


def local_tracking_uri(results_dir: Path) -> str:
    """A SQLite store inside the results folder; the file store is refused by MLflow since 3.13."""
    return f"{_SQLITE}{results_dir.resolve() / 'mlflow.db'}"


def choose_store(uri: str | None, experiment: str, results_dir: Path) -> TrackingStore:
    """The store that was asked for; else a SQLite file beside the results."""
    uri = uri or local_tracking_uri(results_dir)
    artifacts = results_dir.resolve() / "mlartifacts" if sqlite_file(uri) else None
    return TrackingStore(uri, experiment, artifacts)


def sqlite_file(uri: str) -> Path | None:
    """The database file of a SQLite URI; None for all others."""
    return Path(uri.removeprefix(_SQLITE)) if uri.startswith(_SQLITE) else None


def check_store(uri: str) -> None:
    """Refuse a store that cannot work or would give a secret away; nothing is contacted.

    Raises:
        UsageError: no scheme that MLflow can write to, or a password inside the URI.
        EnvironmentUnusableError: a SQLite file on a network file system, where its locks do not hold.
    """
    scheme = uri.partition(":")[0].partition("+")[0].lower()
    if scheme not in _SCHEMES:
        raise UsageError(
            f"{scheme or uri!r} is no tracking store",
            where="--tracking-uri",
            hint=f"give a URI that begins with {', '.join(_SCHEMES)}, or leave it out for a SQLite file",
        )
    if is_uri(uri) and urlsplit(uri).password:
        raise UsageError(
            f"the {scheme} address holds a password, which would be written into the study",
            where="--tracking-uri",
            hint="put it into MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or PGPASSWORD",
        )
    if (path := sqlite_file(uri)) and (kind := file_system_of(path)) in NETWORK_FILE_SYSTEMS:
        raise EnvironmentUnusableError(
            f"lies on {kind}, where SQLite loses data",
            where=str(path),
            hint="give --tracking-uri sqlite:////a/local/disk/mlflow.db, or the address of a server",
        )


def file_system_of(path: Path) -> str:
    """Kind of the file system that holds a path or will, by the longest mount point above it."""
    wanted = path.resolve()
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text("utf-8").splitlines()]
    holding = [(point, kind) for point, kind in mounts if wanted.is_relative_to(point)]
    return max(holding, key=lambda mount: len(mount[0]))[1] if holding else ""
