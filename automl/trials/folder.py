"""Every path of a trial folder, named once: the only place where platform and trainer meet."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from automl.schema.documents import dump_yaml
from automl.types import Spec

__all__ = [
    "Checkpoint",
    "TrialFolder",
    "copy_atomically",
    "draft_of",
    "sync_folder",
    "write_atomically",
    "writer_of",
]

_CHECKPOINT_NAME = re.compile(r"(?:^|[_.-])epoch[_=-]?0*(\d+)(?:[_.-][^/]*)?\.(?:pth|pt|ckpt|tlt|hdf5|json)$")
_DRAFT = re.compile(r"\..+\.(\d+)\.tmp")


@dataclass(frozen=True)
class Checkpoint:
    """One announced checkpoint.

    Attributes:
        epoch: finished epochs, read from the file's name as a number, however it is padded.
        path: the file.
    """

    epoch: int
    path: Path


@dataclass(frozen=True)
class TrialFolder:
    """The folder of one trial or plain job (contract section 7).

    Attributes:
        root: the folder itself; it is also the trainer's ``results_dir``.
    """

    root: Path

    @property
    def spec(self) -> Path:
        """The whole resolved spec, written before launch and never changed."""
        return self.root / "spec.yaml"

    @property
    def resume_spec(self) -> Path:
        """The spec with the checkpoint to go on from; what a later launch is started with."""
        return self.root / "resume.yaml"

    @property
    def status(self) -> Path:
        """JSON Lines appended by the trainer."""
        return self.root / "status.json"

    @property
    def log(self) -> Path:
        """Console of the trainer, for people."""
        return self.root / "train.log"

    def follower_log(self, rank: int) -> Path:
        """Console of the trainer on a further node."""
        return self.root / f"train.node{rank}.log"

    @property
    def checkpoints(self) -> Path:
        """Where the trainer puts ``epoch_<n>.pth``."""
        return self.root / "checkpoints"

    @property
    def stop_request(self) -> Path:
        """Exists once the trial shall end; how a stop reaches a trial on whatever machine it runs."""
        return self.root / "stop"

    def read_log_tail(self, most_bytes: int) -> str:
        """The end of the console, cut at a line; empty when there is none."""
        try:
            with self.log.open("rb") as stream:
                size = stream.seek(0, os.SEEK_END)
                stream.seek(max(0, size - most_bytes))
                text = stream.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""
        return text if size <= most_bytes else text.partition("\n")[2]

    def write_spec(self, spec: Spec) -> None:
        """Create the folder and put the spec into it, whole or not at all."""
        self.root.mkdir(parents=True, exist_ok=True)
        write_atomically(self.spec, dump_yaml(spec))

    def list_checkpoints(self) -> list[Checkpoint]:
        """All announced checkpoints by epoch number.

        They are looked for in ``checkpoints/`` and, for trainers that know no such folder, beside the spec.
        A link that leads out of the trial's folder is none: it would be copied or deleted in its name.
        """
        named = [
            (int(match[1]), path)
            for folder in (self.checkpoints, self.root)
            if folder.is_dir()
            for path in folder.iterdir()
            if (match := _CHECKPOINT_NAME.search(path.name))
        ]
        root = self.root.resolve() if named else self.root  # thousands of trials have none
        found = [
            Checkpoint(epoch, path)
            for epoch, path in named
            if path.is_file() and path.resolve().is_relative_to(root)
        ]
        return sorted(found, key=lambda checkpoint: (checkpoint.epoch, checkpoint.path.name))

    def find_checkpoint(self, epoch: int | None) -> Path | None:
        """The checkpoint of an epoch; without one of that very epoch, the newest there is."""
        checkpoints = self.list_checkpoints()
        exact = [checkpoint.path for checkpoint in checkpoints if checkpoint.epoch == epoch]
        found = exact or [checkpoint.path for checkpoint in checkpoints]
        return found[-1] if found else None

    def keep_checkpoints(self, epochs: set[int]) -> None:
        """Delete every checkpoint of another epoch."""
        for checkpoint in self.list_checkpoints():
            if checkpoint.epoch not in epochs:
                checkpoint.path.unlink(missing_ok=True)


def draft_of(path: Path) -> Path:
    """The name under which this process writes a file before it is renamed."""
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def writer_of(draft: Path) -> int | None:
    """The process that writes, or wrote, a draft; None for what is none."""
    found = _DRAFT.fullmatch(draft.name)
    return int(found[1]) if found else None


def write_atomically(path: Path, text: str) -> None:
    """Write under another name, sync, rename: no reader sees half a file, a full disk leaves the old one.

    Raises:
        OSError: it cannot be written.
    """
    draft = draft_of(path)
    try:
        with draft.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def copy_atomically(source: Path, target: Path) -> None:
    """Copy under another name, sync, rename: a copy that was cut short is never taken for the file.

    Raises:
        OSError: it cannot be written.
    """
    draft = draft_of(target)
    try:
        shutil.copyfile(source, draft)
        with draft.open("rb") as stream:
            os.fsync(stream.fileno())
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Make names that were given in a folder survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
