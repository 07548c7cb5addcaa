"""Data of a store, on this machine: fetched once, checked, shared by all trials of a node."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from automl.adapters.object_store import RemoteFile, RemoteFolder
from automl.errors import DataError, EnvironmentUnusableError
from automl.ports import Follower, JobFactory, Launch, TrialFailedError, TrialJob
from automl.storage.cache import cache_root, hold, locked, make_room
from automl.trials.folder import write_atomically
from automl.types import Cause

__all__ = ["StagedData", "StagingFactory", "stage"]

_LOG = logging.getLogger(__name__)
_MANIFEST = ".staged.json"
_MD5 = re.compile(r"[0-9a-f]{32}")
_ATTEMPTS = 3
_AT_ONCE = 8
_BLOCK_BYTES = 2**20


@dataclass(frozen=True)
class StagedData:
    """A data set of a store, as every node of a study sees it.

    Attributes:
        uri: where it comes from.
        root: where it lies, on whatever node; named by a digest of the listing, so that it is the same
            everywhere and another content never stands at the same place.
    """

    uri: str
    root: Path

    def ensure(self) -> None:
        """Have it on this node and keep it there as long as this process lives; quick when it is there.

        Raises:
            DataError: the store's content is not what it was when the study was planned.
            EnvironmentUnusableError: it cannot be fetched, or there is no room.
        """
        hold(self.root)
        if _is_whole(self.root):
            os.utime(self.root)
            return
        folder = RemoteFolder(self.uri)
        files = folder.list_files()
        if (found := _digest(self.uri, files)) != self.root.name:
            raise DataError(
                f"has changed: its listing is {found}, it was {self.root.name} when the study was planned",
                where=self.uri,
                hint="begin a new study, or bring the old content back",
            )
        _fetch_once(folder, files, self.root)


@dataclass(frozen=True)
class StagingFactory:
    """Has the data on whatever node a trial is started, before its trainer looks for them.

    Attributes:
        factory: starts the trainer.
        data: what it reads.
    """

    factory: JobFactory
    data: StagedData

    def __call__(self, launch: Launch) -> TrialJob:
        """As the factory does.

        Raises:
            TrialFailedError: the data cannot be had.
            TrialError: the trainer cannot be started.
        """
        self._ensure()
        return self.factory(launch)

    def follow(self, launch: Launch) -> Follower:
        """As the factory does.

        Raises:
            TrialFailedError: the data cannot be had.
            TrialError: the trainer cannot be started.
        """
        self._ensure()
        return self.factory.follow(launch)

    def _ensure(self) -> None:
        try:
            self.data.ensure()
        except DataError as error:
            raise TrialFailedError(Cause.BAD_DATA, str(error)) from error
        except EnvironmentUnusableError as error:
            raise TrialFailedError(Cause.INFRASTRUCTURE, str(error)) from error


def stage(uri: str) -> StagedData:
    """Bring a data set of a store onto this machine, unless it is there already.

    Args:
        uri: its root, such as ``s3://bucket/kitti``.

    Raises:
        DataError: there is nothing, or what came is not what the store has.
        EnvironmentUnusableError: the store does not answer, or there is no room.
    """
    folder = RemoteFolder(uri)
    files = folder.list_files()
    if not files:
        raise DataError("has no files", where=uri, hint="--data takes the root of the data set")
    staged = StagedData(folder.uri, cache_root() / "data" / _digest(folder.uri, files))
    hold(staged.root)
    _fetch_once(folder, files, staged.root)
    return staged


def _digest(uri: str, files: Sequence[RemoteFile]) -> str:
    listing = [(file.name, file.bytes, file.version) for file in files]
    return hashlib.sha256(json.dumps([uri, listing]).encode()).hexdigest()[:16]


def _fetch_once(folder: RemoteFolder, files: Sequence[RemoteFile], root: Path) -> None:
    with locked(root):
        if _is_whole(root):
            os.utime(root)
            return
        make_room(root, sum(file.bytes for file in files))
        _LOG.info("staging %s (%d files) in %s", folder.uri, len(files), root)
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            digests = list(pool.map(lambda file: _fetch(folder, file, root), files))
        manifest = {
            file.name: {"bytes": file.bytes, "sha256": digest}
            for file, digest in zip(files, digests, strict=True)
        }
        write_atomically(
            root / _MANIFEST, json.dumps({"uri": folder.uri, "files": manifest}, indent=1) + "\n"
        )


def _fetch(folder: RemoteFolder, file: RemoteFile, root: Path) -> str:
    """Fetch one file until it is what the store says; its SHA-256."""
    path = root / file.name
    if not path.resolve().is_relative_to(root):
        raise DataError("leads out of the data set", where=f"{folder.uri}/{file.name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    for _ in range(_ATTEMPTS):
        folder.download(file.name, path)
        size, md5, sha256 = _measure(path)
        is_plain_md5 = _MD5.fullmatch(file.version) is not None
        if size == file.bytes and (not is_plain_md5 or md5 == file.version):
            return sha256
    raise DataError(
        f"came with {size} bytes and MD5 {md5}, the store lists {file.bytes} bytes and {file.version}",
        where=f"{folder.uri}/{file.name}",
        hint="somebody may be writing there: try again when it is finished",
    )


def _measure(path: Path) -> tuple[int, str, str]:
    md5, sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            md5.update(block)
            sha256.update(block)
    return path.stat().st_size, md5.hexdigest(), sha256.hexdigest()


def _is_whole(root: Path) -> bool:
    """Whether every file that was staged is still there with its size."""
    try:
        files = json.loads((root / _MANIFEST).read_text("utf-8"))["files"]
        return all((root / name).stat().st_size == entry["bytes"] for name, entry in files.items())
    except (OSError, ValueError, KeyError, RecursionError):
        return False
