"""What a result was made with: versions, revision and data, so that it can be made again."""

from __future__ import annotations

import hashlib
import platform
import subprocess
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["fingerprint_files", "installed_versions", "source_revision"]

_PACKAGES = ("automl-3d", "ray", "optuna", "mlflow", "torch", "mmdet3d", "numpy")
_GIT_S = 5.0


def installed_versions() -> dict[str, str]:
    """Version of Python and of every package that decides about results, without importing one."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def source_revision(folder: Path) -> str | None:
    """Git revision of a checkout, with ``-dirty`` where files were changed; None outside of one."""
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_GIT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def fingerprint_files(files: Iterable[Path]) -> str:
    """One digest over the contents of the files there are, in the given order; 16 hex digits."""
    digest = hashlib.sha256()
    for path in files:
        if path.is_file():
            with path.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()[:16]
