import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from automl.ports import Launch, TrialFailedError
from automl.trials.folder import TrialFolder
from automl.trials.leftovers import TRIAL_VARIABLE, end_leftovers, find_left_behind, find_leftovers
from automl.trials.run_trial import TrainerRecipe
from automl.types import Cause, TrialId

Prepare = Callable[..., TrialFolder]


def orphan(folder: TrialFolder) -> subprocess.Popen[bytes]:
    """A process of a trial in a session of its own, deaf to SIGTERM."""
    code = "import signal, time; signal.signal(15, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", code], start_new_session=True, stdout=subprocess.PIPE,
        env={**os.environ, TRIAL_VARIABLE: str(folder.root.resolve())},
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_orphan_of_this_trial_is_killed_and_of_another_is_not(tmp_path: Path) -> None:
    ours, other = TrialFolder(tmp_path / "0"), TrialFolder(tmp_path / "01")
    lost, foreign = orphan(ours), orphan(other)
    try:
        assert find_leftovers(ours) == [lost.pid]
        assert end_leftovers(ours) == 1
        assert (lost.wait(5), foreign.poll()) == (-signal.SIGKILL, None)
    finally:
        foreign.kill()
        foreign.wait()


def test_one_look_at_all_processes_is_enough_for_thousands_of_trials(tmp_path: Path) -> None:
    folders = [TrialFolder(tmp_path / str(number)) for number in range(3000)]
    folders[17].root.mkdir()
    left = orphan(folders[17])
    began = time.process_time()
    assert find_left_behind(folders) == [folders[17]]
    assert time.process_time() - began < 2
    end_leftovers(folders[17])
    left.wait()


def test_nothing_left_is_found_quickly(tmp_path: Path) -> None:
    assert end_leftovers(TrialFolder(tmp_path)) == 0


def pids(folder: TrialFolder, count: int) -> list[int]:
    for _ in range(500):
        if len(found := find_leftovers(folder)) >= count:
            return found
        time.sleep(0.01)
    raise AssertionError(f"{folder.root}: fewer than {count} processes")


def test_death_of_the_guard_is_the_machines_fault_and_leaves_nothing(
    recipe: TrainerRecipe, prepare: Prepare
) -> None:
    folder = prepare(num_epochs=500, epoch_s=0.05)
    job = recipe(Launch(TrialId("0"), folder.root))
    job.next_report()
    os.kill(min(pids(folder, 2)), signal.SIGKILL)
    with pytest.raises(TrialFailedError, match="killed by signal 9") as caught:
        list(iter(job.next_report, None))
    assert (caught.value.cause, find_leftovers(folder)) == (Cause.INFRASTRUCTURE, [])


def test_new_launch_waits_until_the_last_one_is_gone(recipe: TrainerRecipe, prepare: Prepare) -> None:
    folder = prepare(num_epochs=2)
    lost = orphan(folder)
    job = recipe(Launch(TrialId("0"), folder.root))
    assert lost.wait(5) == -signal.SIGKILL
    assert [report.epoch for report in iter(job.next_report, None)] == [1, 2]
