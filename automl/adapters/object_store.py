"""The only door to fsspec: folders at a URI, such as ``s3://bucket/kitti``, as lists of files."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import fsspec
from fsspec.core import url_to_fs

from automl.errors import EnvironmentUnusableError

__all__ = ["RemoteFile", "RemoteFolder"]

_TALKATIVE = ("aiobotocore", "botocore", "fsspec", "s3fs")
_S3 = ("s3://", "s3a://")
_ONE_ATTEMPT = {"config_kwargs": {"retries": {"total_max_attempts": 1}}}
"""s3fs tries five times; were botocore to try five times each, a server that hangs took six minutes."""
_VERSION_KEYS = ("ETag", "etag", "md5Hash", "mtime")
_TIME_KEYS = ("LastModified", "last_modified", "updated", "mtime")


@dataclass(frozen=True)
class RemoteFile:
    """One file as its store lists it.

    Attributes:
        name: path below the folder, with slashes.
        bytes: size.
        version: what the store says of its content: an entity tag, else the time of its last change.
        changed_at: POSIX seconds of its last change, 0 when the store does not say.
    """

    name: str
    bytes: int
    version: str
    changed_at: float = 0.0


class RemoteFolder:
    """All files below a URI.

    Credentials and endpoint come from the environment (``AWS_ACCESS_KEY_ID``, ``AWS_ENDPOINT_URL``, ...).

    Raises:
        EnvironmentUnusableError: there is no such kind of store, or its package is not installed.
    """

    def __init__(self, uri: str) -> None:
        self.uri = uri.rstrip("/")
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)
        try:
            options = _ONE_ATTEMPT if self.uri.startswith(_S3) else {}
            self._system, self._root = url_to_fs(self.uri, use_listings_cache=False, **options)
        except ImportError as error:
            raise EnvironmentUnusableError(
                f"needs a package that is not installed: {error}",
                where=self.uri,
                hint="pip install 'automl-3d[cluster]'",
            ) from error
        except ValueError as error:
            known = ", ".join(sorted({"s3", "gs", "file"} & set(fsspec.available_protocols())))
            raise EnvironmentUnusableError(
                f"is no store: {error}", where=self.uri, hint=f"known are {known} and others of fsspec"
            ) from error

    def list_files(self) -> list[RemoteFile]:
        """All files below the folder, by name; none when the folder is not there.

        Raises:
            EnvironmentUnusableError: the store does not answer, refuses, or has no such bucket.
        """
        with self._telling("cannot be listed"):
            try:
                found = self._system.find(self._root, detail=True)
            except FileNotFoundError:
                if not self._has_bucket():
                    raise
                return []
        files = [self._as_file(path, entry) for path, entry in found.items()]
        return sorted((file for file in files if file.name), key=lambda file: file.name)

    def _has_bucket(self) -> bool:
        """Whether what holds the folder is there, without which nothing could ever be stored."""
        bucket = self._root.partition("/")[0]
        return not bucket or bool(self._system.exists(bucket))

    def download(self, name: str, path: Path) -> None:
        """Copy one file to this machine.

        Raises:
            EnvironmentUnusableError: it cannot be read, or not be written.
        """
        with self._telling(f"{name} cannot be fetched"):
            self._system.get_file(f"{self._root}/{name}", str(path))

    def read(self, name: str) -> bytes:
        """One file's content.

        Raises:
            EnvironmentUnusableError: it cannot be read.
        """
        with self._telling(f"{name} cannot be fetched"):
            return bytes(self._system.cat_file(f"{self._root}/{name}"))

    def upload(self, path: Path, name: str) -> str:
        """Copy one file of this machine there, over one of that name; its version there.

        Raises:
            EnvironmentUnusableError: the store does not answer, or refuses.
        """
        with self._telling(f"{name} cannot be stored"):
            target = f"{self._root}/{name}"
            if "file" in self._system.protocol:
                self._system.makedirs(target.rpartition("/")[0], exist_ok=True)
            self._system.put_file(str(path), target)
            return self._as_file(target, self._system.info(target)).version

    def remove(self, name: str) -> None:
        """Delete one file; one that is not there is as good as deleted.

        Raises:
            EnvironmentUnusableError: the store does not answer, or refuses.
        """
        with self._telling(f"{name} cannot be deleted"):
            try:
                self._system.rm_file(f"{self._root}/{name}")
            except FileNotFoundError:
                return

    def _as_file(self, path: str, entry: dict[str, Any]) -> RemoteFile:
        version = next((str(entry[key]).strip('"') for key in _VERSION_KEYS if key in entry), "")
        changed = next((entry[key] for key in _TIME_KEYS if key in entry), 0.0)
        changed_at = changed.timestamp() if isinstance(changed, datetime) else float(changed)
        return RemoteFile(path.removeprefix(self._root).lstrip("/"), int(entry["size"]), version, changed_at)

    @contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        """Every store has exceptions of its own, beside those of the system."""
        try:
            yield
        except Exception as error:
            raise EnvironmentUnusableError(
                f"{what}: {type(error).__name__}: {error}",
                where=self.uri,
                hint="check the address, and the credentials and endpoint in the environment",
            ) from error
