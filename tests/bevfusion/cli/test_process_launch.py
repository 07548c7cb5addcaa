"""How several processes are started; torchrun itself is stood in for by a small script."""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from bevfusion.cli.failures import reported
from bevfusion.errors import DataError, SpecError
from bevfusion.launch import Launch, WorkerError, plan_launch, visible_devices
from bevfusion.torchrun import find_killed

WORKER = {"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "4"}


@pytest.mark.parametrize(
    ("gpus", "nodes", "environment", "expected"),
    [
        (1, 1, {}, None),
        (2, 1, {}, Launch(1, 0, 2, None, 29500)),
        (2, 1, WORKER, None),
        (1, 1, {"NUM_GPU_PER_NODE": "4"}, Launch(1, 0, 4, None, 29500)),
        (
            2,
            1,
            {"WORLD_SIZE": "3", "NODE_RANK": "2", "MASTER_ADDR": "10.0.0.1", "MASTER_PORT": "1234"},
            Launch(3, 2, 2, "10.0.0.1", 1234),
        ),
        (1, 2, {"MASTER_ADDR": "a", "RANK": "1"}, Launch(2, 1, 1, "a", 29500)),
    ],
)
def test_environment_wins_over_the_spec(gpus, nodes, environment, expected):
    assert plan_launch(gpus, nodes, environment) == expected


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"WORLD_SIZE": "2"}, "MASTER_ADDR: 2 nodes have no address"),
        ({"NODE_RANK": "first", "NUM_GPU_PER_NODE": "2"}, "NODE_RANK: 'first' is not a whole number"),
    ],
)
def test_environment_that_cannot_work_is_refused(environment, words):
    with pytest.raises(SpecError, match=words):
        plan_launch(1, 1, environment)


def test_command_is_an_argument_list_for_torchrun():
    alone = Launch(1, 0, 2, None, 29500).command(["train", "-e", "a b.yaml"])
    assert alone[:3] == [sys.executable, "-m", "bevfusion.torchrun"]
    assert alone[3:] == [
        "--nnodes",
        "1",
        "--nproc-per-node",
        "2",
        "--standalone",
        "-m",
        "bevfusion",
        "train",
        "-e",
        "a b.yaml",
    ]
    several = Launch(2, 1, 4, "10.0.0.1", 29500).command(["train"])
    assert several[7:13] == ["--master-addr", "10.0.0.1", "--master-port", "29500", "--node-rank", "1"]


@pytest.mark.parametrize(
    ("ids", "gpus", "environment", "expected"),
    [
        ((0,), 1, {}, "0"),
        ((2, 3), 2, {}, "2,3"),
        ((0,), 2, {}, None),
        ((0,), 1, {"CUDA_VISIBLE_DEVICES": "5"}, None),
        ((0,), 1, {"CUDA_VISIBLE_DEVICES": "5", "TAO_VISIBLE_DEVICES": "1,2"}, "1,2"),
    ],
)
def test_scheduler_decides_on_devices_before_the_spec(ids, gpus, environment, expected):
    assert visible_devices(ids, gpus, environment) == expected


def stand_in(monkeypatch, script: str) -> Launch:
    monkeypatch.setattr(Launch, "command", lambda _, arguments: [sys.executable, "-c", script, *arguments])
    return Launch(1, 0, 2, None, 29500)


def test_failure_of_a_process_comes_back_with_its_code(monkeypatch):
    script = (
        "import os, json; open(os.environ['BEVFUSION_FAILURE_FILE'], 'w')"
        ".write(json.dumps({'message': 'no such frame', 'exit_code': 3})); raise SystemExit(1)"
    )
    with pytest.raises(WorkerError, match="no such frame") as caught:
        stand_in(monkeypatch, script).run([])
    assert caught.value.exit_code == 3


def test_death_without_a_word_keeps_the_code_of_torchrun(monkeypatch):
    with pytest.raises(WorkerError, match="torchrun ended with 9") as caught:
        stand_in(monkeypatch, "raise SystemExit(9)").run([])
    assert caught.value.exit_code == 9
    stand_in(monkeypatch, "pass").run([])


@pytest.mark.parametrize(
    ("ends", "killed"),
    [
        ([(0, 1, 100), (1, -9, 100)], 1),
        ([(0, -9, 100), (1, -15, 101)], 0),
        ([(0, 1, 100), (1, -9, 130)], None),
        ([(0, 3, 100), (1, -15, 100)], None),
    ],
)
def test_process_that_was_killed_is_told_from_those_that_torchrun_ended(ends, killed):
    found = find_killed(SimpleNamespace(local_rank=r, exitcode=code, timestamp=at) for r, code, at in ends)
    assert (found and found.local_rank) == killed


def test_what_killed_a_process_stands_in_place_of_what_the_others_told(monkeypatch):
    script = (
        "from bevfusion.launch import leave_failure, replace_failure\n"
        "leave_failure('connection reset', 1)\n"
        "replace_failure('a process was killed by signal 9, rank 1', 137)\n"
        "raise SystemExit(1)"
    )
    with pytest.raises(WorkerError, match="killed by signal 9, rank 1") as caught:
        stand_in(monkeypatch, script).run([])
    assert caught.value.exit_code == 137


def test_worker_tells_its_parent_and_only_the_first_is_heard(monkeypatch, tmp_path: Path):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    monkeypatch.setenv("BEVFUSION_FAILURE_FILE", str(tmp_path / "failure.json"))
    for message in ("first", "second"):
        with pytest.raises(DataError), reported(tmp_path):
            raise DataError(message)
    assert json.loads((tmp_path / "failure.json").read_text()) == {"message": "first", "exit_code": 3}
    assert not (tmp_path / "status.json").exists()


WAITS = "import pathlib, time; pathlib.Path('{up}').touch(); time.sleep(30)"
LEAVES = (
    "import json, os, pathlib, signal, sys, time\n"
    "def leave(*_):\n"
    "    failure = {{'message': '{message}', 'exit_code': {code}}}\n"
    "    open(os.environ['BEVFUSION_FAILURE_FILE'], 'w').write(json.dumps(failure))\n"
    "    sys.exit(1)\n"
    "signal.signal(signal.SIGTERM, leave)\n" + WAITS
)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (WAITS, "stopped by SIGTERM"),
        (LEAVES.replace("{message}", "resume from epoch_3").replace("{code}", "143"), "resume from epoch_3"),
        (LEAVES.replace("{message}", "peer is gone").replace("{code}", "1"), "stopped by SIGTERM"),
    ],
)
def test_sigterm_is_handed_on_and_the_job_ends_as_stopped(monkeypatch, tmp_path, script, message):
    up = tmp_path / "up"
    launch = stand_in(monkeypatch, script.format(up=up))
    stop = threading.Thread(target=_stop_when, args=(up,))
    stop.start()
    with pytest.raises(WorkerError, match=message) as end:
        launch.run([])
    stop.join()
    assert end.value.exit_code == 143


def _stop_when(up: Path) -> None:
    while not up.exists():
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGTERM)
