"""Whole trainings under torchrun, as a user starts them: minutes, so not in the default suite."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.torch, pytest.mark.slow, pytest.mark.timeout(1200)]

from bevfusion import checkpoints  # noqa: E402
from tests.bevfusion.conftest import tiny_spec  # noqa: E402
from tests.bevfusion.training.conftest import EASY  # noqa: E402

DECODER = "model.bbox_head.decoder_layer"
REPEATABLE = (
    *EASY,
    "input_modality.use_camera=false",
    f"{DECODER}.self_attn_cfg.dropout=0",
    f"{DECODER}.cross_attn_cfg.dropout=0",
    f"{DECODER}.ffn_cfg.ffn_drop=0",
)


def command(folder: Path, *overrides: str) -> list[str]:
    return [sys.executable, "-m", "bevfusion", "train", "-e", str(folder / "spec.yaml"), *overrides]


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "status.json").read_text().splitlines()]


def train(street: Path, folder: Path, *overrides: str) -> list[dict]:
    """Train as the command line does, scored on the frames that are learned; the figures of each epoch."""
    tiny_spec(street, folder)
    learned = street / "kitti_person_infos_train.pkl"
    overrides = (*REPEATABLE, f"dataset.val_dataset.ann_file={learned}", *overrides)
    subprocess.run(command(folder, *overrides), check=True, capture_output=True)
    return [line["kpi"] for line in lines(folder) if "epoch" in line]


def test_two_processes_of_two_frames_train_like_one_of_four(street, tmp_path):
    train(street, tmp_path / "first", "train.num_epochs=8", "train.validation_interval=8")
    start = checkpoints.latest(tmp_path / "first" / "checkpoints")
    go_on = (f"train.pretrained_checkpoint={start}", "train.freeze_norm=true", "train.num_epochs=3")
    go_on += ("train.optimizer.lr=1e-4",)
    alone = train(street, tmp_path / "alone", *go_on, "dataset.train_dataset.batch_size=4")
    two = train(street, tmp_path / "two", *go_on, "train.num_gpus=2")
    assert alone[-1]["TAO3D/person_BEV_AP11_moderate_loose"] > 10  # else equality would say nothing
    for one, both in zip(alone, two, strict=True):
        assert both["loss"] == pytest.approx(one["loss"], rel=1e-4)
        assert {name: both[name] for name in both.keys() - {"loss"}} == {
            name: one[name] for name in one.keys() - {"loss"}
        }


def test_sigterm_reaches_every_process_and_one_line_says_where_to_go_on(street, tmp_path):
    job = begin_two_processes(street, tmp_path)
    workers = descendants(job.pid)
    assert len(workers) >= 3  # torchrun and two processes
    job.send_signal(signal.SIGTERM)
    assert job.wait(60) == 143
    assert [pid for pid in workers if is_running(pid)] == []
    failures = [line["message"] for line in lines(tmp_path) if line["status"] == "FAILURE"]
    assert len(failures) == 1
    assert failures[0].startswith("stopped by SIGTERM; resume from ")


@pytest.mark.parametrize("rank", [0, 1])
def test_process_that_is_killed_ends_the_job_as_killed_and_not_as_a_defect(street, tmp_path, rank):
    job = begin_two_processes(street, tmp_path)
    started = descendants(job.pid)
    os.kill(next(pid for pid in started if f"RANK={rank}" in environment(pid)), signal.SIGKILL)
    assert job.wait(90) == 128 + signal.SIGKILL
    assert [pid for pid in started if is_running(pid)] == []
    assert lines(tmp_path)[-1]["status"] == "FAILURE"
    assert lines(tmp_path)[-1]["message"].startswith("a process was killed by signal 9")


def begin_two_processes(street: Path, folder: Path) -> subprocess.Popen:
    """A job of two processes that has finished its first epoch."""
    tiny_spec(street, folder)
    job = subprocess.Popen(
        command(folder, *REPEATABLE, "train.num_epochs=500", "train.num_gpus=2"),
        stdout=subprocess.DEVNULL,
        stderr=(folder / "stderr").open("w"),
    )
    while not (folder / "checkpoints" / "epoch_1.pth").exists():
        assert job.poll() is None, "the training ended by itself"
        time.sleep(0.2)
    return job


def environment(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/environ").read_text().split("\0")


def descendants(pid: int) -> list[int]:
    children = [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    return children + [inner for child in children for inner in descendants(child)]


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
