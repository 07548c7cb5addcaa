import pickle
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.torch

import torch  # noqa: E402

from bevfusion import checkpoints  # noqa: E402
from bevfusion.encryption import KEY_VARIABLE  # noqa: E402
from bevfusion.errors import CheckpointError  # noqa: E402


class Intruder:
    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return Path.touch, (self.trace,)


def test_the_newest_checkpoint_is_that_of_the_highest_number(tmp_path):
    for epoch in (2, 10, 9):
        checkpoints.save({"epoch": epoch}, tmp_path / f"epoch_{epoch}.pth")
    assert list(checkpoints.list_epochs(tmp_path)) == [2, 9, 10]
    assert checkpoints.latest(tmp_path) == tmp_path / "epoch_10.pth"
    assert checkpoints.latest(tmp_path / "nothing") is None


def test_a_write_that_fails_leaves_the_older_file_and_no_part_of_the_new_one(tmp_path, monkeypatch):
    path = tmp_path / "epoch_1.pth"
    checkpoints.save({"value": 1}, path)

    def no_space(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints.os, "fsync", no_space)
    with pytest.raises(CheckpointError, match=r"epoch_1\.pth: cannot write .*No space left"):
        checkpoints.save({"value": 2}, path)
    assert checkpoints.load(path) == {"value": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["epoch_1.pth"]


def test_a_full_disk_is_called_so_although_torch_does_not(tmp_path):
    (tmp_path / "epoch_1.pth.partial").symlink_to("/dev/full")
    with pytest.raises(CheckpointError, match=r"cannot write the checkpoint: \[Errno 28\] No space left"):
        checkpoints.save({"weight": torch.zeros(1_000_000)}, tmp_path / "epoch_1.pth")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("writer", [torch.save, lambda state, path: path.write_bytes(pickle.dumps(state))])
def test_a_hostile_checkpoint_is_refused_and_runs_nothing(tmp_path, writer):
    trace, path = tmp_path / "trace", tmp_path / "epoch_1.pth"
    writer({"state_dict": Intruder(trace)}, path)
    with pytest.raises(
        CheckpointError,
        match=r"not a checkpoint that can be loaded safely: (.*GLOBAL pathlib|Unsupported operand)",
    ) as told:
        checkpoints.load(path)
    assert str(told.value).startswith(str(path))
    assert not trace.exists()


def test_an_archive_that_grows_as_it_is_read_is_refused_before(tmp_path):
    plain, path = tmp_path / "plain.pth", tmp_path / "epoch_1.pth"
    torch.save({"state_dict": {"weight": torch.zeros(100_000)}}, plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            target.writestr(entry.filename, source.read(entry))
    with pytest.raises(CheckpointError, match=rf"it unpacks to 4.* bytes and has {path.stat().st_size:,}"):
        checkpoints.load(path)


def test_a_truncated_checkpoint_is_refused_by_name(tmp_path):
    path = tmp_path / "epoch_3.pth"
    checkpoints.save({"value": torch.ones(1000)}, path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(CheckpointError, match=r"epoch_3\.pth: not a checkpoint that can be loaded"):
        checkpoints.load(path)


def test_what_mmengine_logs_into_its_checkpoints_can_be_read(tmp_path):
    from mmengine.logging import HistoryBuffer

    history = HistoryBuffer([1.0, 2.0], [1, 1])
    torch.save({"message_hub": {"log_scalars": {"loss": history}}}, tmp_path / "epoch_1.pth")
    loaded = checkpoints.load(tmp_path / "epoch_1.pth")
    assert loaded["message_hub"]["log_scalars"]["loss"].mean() == 1.5


@pytest.fixture
def key(monkeypatch):
    """Sets the key of this process."""
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    return lambda passphrase: monkeypatch.setenv(KEY_VARIABLE, passphrase)


def test_with_a_key_a_checkpoint_is_sealed_under_the_same_name(tmp_path, key):
    path = checkpoints.checkpoint_path(tmp_path, 3)
    key("secret")
    checkpoints.save({"meta": {"classes": ["person"]}, "weight": torch.ones(4)}, path)
    assert path.read_bytes()[:8] == b"BEVFENC1"
    assert b"person" not in path.read_bytes()
    assert checkpoints.latest(tmp_path / "checkpoints") == path
    assert checkpoints.load(path)["weight"].tolist() == [1.0] * 4


def test_a_plain_checkpoint_is_read_with_a_key_as_well(tmp_path, key):
    checkpoints.save({"value": 1}, tmp_path / "epoch_1.pth")
    key("secret")
    assert checkpoints.load(tmp_path / "epoch_1.pth") == {"value": 1}


def test_a_sealed_checkpoint_needs_its_key(tmp_path, key, monkeypatch):
    path = tmp_path / "epoch_1.pth"
    key("secret")
    checkpoints.save({"value": 1}, path)
    key("another")
    with pytest.raises(CheckpointError, match=r"epoch_1\.pth: cannot be decrypted: the key does not open"):
        checkpoints.load(path)
    monkeypatch.delenv(KEY_VARIABLE)
    with pytest.raises(CheckpointError, match=r"encrypted, and there is no key\n.*BEVFUSION_ENCRYPTION_KEY"):
        checkpoints.load(path)


def test_a_sealed_checkpoint_runs_no_code_either(tmp_path, key):
    trace, path = tmp_path / "trace", tmp_path / "epoch_1.pth"
    key("secret")
    checkpoints.save({"state_dict": Intruder(trace)}, path)
    with pytest.raises(CheckpointError, match="not a checkpoint that can be loaded safely"):
        checkpoints.load(path)
    assert not trace.exists()
