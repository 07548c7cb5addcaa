"""Readers of the detector: its specs and its checkpoints."""

import io
import pickle
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import yaml
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import strategies as st

from bevfusion.encryption import WrongKeyError, decrypt, encrypt
from bevfusion.spec import load_convert_spec, load_spec
from tests.fuzz.damage import OPCODES, PLAIN, as_yaml, damaged, documents, warped
from tests.fuzz.target import Inputs, Target

__all__ = ["DETECTOR"]

REFERENCES = Path(__file__).parents[2] / "references"
RESUMED = {
    "results_dir": "r",
    "train": {"resume_training_checkpoint_path": "c/epoch_3.pth", "num_epochs": 9},
}
META = {"epoch": 3, "seed": 1, "classes": ["person"]}
WHOLE = {
    "meta": META, "state_dict": {"weight": 1.0, "bias": []}, "optimizer": {"state": {}, "param_groups": []},
    "param_schedulers": [], "message_hub": {},
}  # fmt: skip


def _reference(name: str) -> Any:
    return yaml.safe_load((REFERENCES / name).read_text())


def _with_pickle(archive: bytes, pickled: bytes) -> bytes:
    """A checkpoint with another description of what is in it."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as old, zipfile.ZipFile(stream, "w") as new:
        for name in old.namelist():
            new.writestr(name, pickled if name.endswith("data.pkl") else old.read(name))
    return stream.getvalue()


def _pickle_of(archive: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(archive)) as found:
        return next(found.read(name) for name in found.namelist() if name.endswith("data.pkl"))


def _saved(state: Any) -> bytes:
    import torch

    stream = io.BytesIO()
    torch.save(state, stream)
    return stream.getvalue()


def _checkpoint_files() -> Iterator[bytes]:
    import torch

    weights = {"weight": torch.arange(6.0).reshape(2, 3)}
    yield _saved(weights)
    yield _saved({**WHOLE, "state_dict": weights})


def _checkpoints() -> Inputs:
    sound = list(_checkpoint_files())
    other_pickle = st.sampled_from(sound).flatmap(
        lambda archive: damaged(_pickle_of(archive), OPCODES).map(lambda data: _with_pickle(archive, data))
    )
    other_values = warped(WHOLE, PLAIN)
    any_bytes = st.sampled_from(sound).flatmap(damaged)
    bare = other_values.map(pickle.dumps)
    return st.one_of(other_pickle, other_values.map(_saved), any_bytes, bare, st.binary(max_size=80))


def _read_checkpoint(path: Path) -> None:
    import torch

    from bevfusion import checkpoints
    from bevfusion.training.start import read_resume_file
    from bevfusion.weights import load_weights

    errors: list[Exception] = []
    model = torch.nn.Linear(3, 2, bias=False)
    readers: tuple[Callable[[], object], ...] = (
        lambda: checkpoints.load(path),
        lambda: load_weights(model, path, min_matched=0.5, classes=("person",)),
        lambda: read_resume_file(path, model, schedules=0, averages=False),
    )
    for read in readers:
        try:
            read()
        except checkpoints.CheckpointError as error:
            errors.append(error)
    if errors:
        raise errors[0]


def _sealed() -> Inputs:
    with patch("bevfusion.encryption._cipher", lambda _, salt: AESGCM(salt)):
        return damaged(encrypt(b"secret" * 30, "key", segment_bytes=64))


def _read_sealed(path: Path) -> None:
    # The key is derived slowly on purpose: that part sees the passphrase and the salt alone.
    quick = patch("bevfusion.encryption._cipher", lambda _, salt: AESGCM(salt.ljust(16)[:16]))
    try:
        with quick:
            decrypt(path.read_bytes(), "key", segment_bytes=64)
    except WrongKeyError:
        return


DETECTOR: Mapping[str, Target] = {
    "detector spec": Target(
        "spec.yaml", lambda: documents(_reference("profile_tiny.yaml"), as_yaml), load_spec
    ),
    "conversion spec": Target(
        "spec.yaml",
        lambda: documents(_reference("spec_template_dataset_convert.yaml"), as_yaml),
        load_convert_spec,
    ),
    "resume spec": Target("resume.yaml", lambda: documents(RESUMED, as_yaml), load_spec),
    "sealed checkpoint": Target("epoch_1.pth", _sealed, _read_sealed),
    "checkpoint": Target("epoch_1.pth", _checkpoints, _read_checkpoint, needs_torch=True),
}
