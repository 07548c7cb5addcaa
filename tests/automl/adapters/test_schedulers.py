"""One conformance suite for every scheduler: the same trials, the same calls on the driver."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_ports import RecordingDriver

from automl.adapters.sequential import SequentialScheduler
from automl.errors import EnvironmentUnusableError
from automl.ports import Scheduler, TrialFailedError
from automl.trials.folder import TrialFolder
from automl.trials.run_trial import TrainerRecipe
from automl.types import Cause, Report, Resources, TrialId

Prepare = Callable[..., TrialFolder]


@pytest.fixture(scope="module")
def ray_scheduler() -> Iterator[Scheduler]:
    """One start of Ray for all tests, since it takes seconds."""
    from automl.adapters.ray_cluster import cluster
    from automl.adapters.ray_tune import RayScheduler

    resources = Resources(max_concurrent=2)
    with cluster(resources):
        yield RayScheduler(resources)


@pytest.fixture(params=["sequential", pytest.param("ray", marks=pytest.mark.ray)])
def scheduler(request: pytest.FixtureRequest) -> Scheduler:
    if request.param == "sequential":
        return SequentialScheduler()
    found: Scheduler = request.getfixturevalue("ray_scheduler")
    return found


def test_trials_end_as_their_trainers_do(
    scheduler: Scheduler, recipe: TrainerRecipe, prepare: Prepare
) -> None:
    folders = {
        "good": prepare("good", num_epochs=3).root,
        "stopped": prepare("stopped", num_epochs=500, epoch_s=0.05).root,
        "diverged": prepare("diverged", fail="diverged", fail_epoch=2).root,
        "last": prepare("last", num_epochs=1).root,
    }
    driver = RecordingDriver(folders, stop_at={"stopped": 2})
    scheduler.run(driver, recipe)
    assert sorted(driver.started) == sorted(folders)
    assert driver.reports == {"good": [1, 2, 3], "stopped": [1, 2], "diverged": [1], "last": [1]}
    failure = driver.ends.pop("diverged")
    assert driver.ends == {"good": None, "stopped": None, "last": None}
    assert isinstance(failure, TrialFailedError)
    assert (failure.cause, failure.evidence.splitlines()[0]) == (Cause.DIVERGED, "exit code 5")


@pytest.mark.ray
def test_ray_that_dies_as_it_starts_is_told_with_what_to_look_for(
    monkeypatch: pytest.MonkeyPatch, recipe: TrainerRecipe
) -> None:
    from automl.adapters import ray_cluster, ray_tune

    def fail(**_: object) -> None:
        raise Exception("The current node timed out during startup.")  # noqa: TRY002 - as Ray does

    monkeypatch.setattr(ray_cluster.ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray_cluster.ray, "init", fail)
    monkeypatch.setattr(ray_cluster.ray, "shutdown", lambda: None)
    message = r"this machine: Ray cannot be started: The current node timed.*\n.*lack of memory"
    with pytest.raises(EnvironmentUnusableError, match=message):
        ray_tune.RayScheduler(Resources(max_concurrent=1)).run(RecordingDriver({}), recipe)


def test_interrupt_stops_trials_and_comes_out_as_keyboard_interrupt(
    scheduler: Scheduler, recipe: TrainerRecipe, prepare: Prepare
) -> None:
    folders = {trial: prepare(trial, num_epochs=5000, epoch_s=0.05) for trial in ("0", "1")}
    driver = RecordingDriver({trial: folder.root for trial, folder in folders.items()})
    listeners: list[str] = []

    def interrupt_after_first_epoch() -> None:
        while not any(driver.reports.values()):
            time.sleep(0.05)
        listeners.extend(open_addresses())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt_after_first_epoch, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        scheduler.run(driver, recipe)
    assert driver.was_interrupted
    assert set(driver.ends.values()) == {None}
    for trial, reports in driver.reports.items():
        if reports:
            assert_silent(folders[trial])
    assert {address for address in listeners if address != "127.0.0.1"} <= set(BEFORE)


class BrokenDriver(RecordingDriver):
    """A driver that cannot record: its disk is full."""

    def on_report(self, trial: TrialId, report: Report) -> bool:
        raise OSError(f"no space left for epoch {report.epoch}")


def test_error_of_the_driver_ends_the_study_as_it_is(
    scheduler: Scheduler, recipe: TrainerRecipe, prepare: Prepare
) -> None:
    folder = prepare("0", num_epochs=5000, epoch_s=0.05)
    with pytest.raises(OSError, match="no space left for epoch 1"):
        scheduler.run(BrokenDriver({"0": folder.root}), recipe)
    assert_silent(folder)


def assert_silent(folder: TrialFolder) -> None:
    """Assert that nobody writes status lines any more."""
    for _ in range(100):
        before = folder.status.stat().st_size
        time.sleep(0.2)
        if folder.status.stat().st_size == before:
            return
    raise AssertionError(f"{folder.status} still grows")


def test_budget_ends_the_running_trial(recipe: TrainerRecipe, prepare: Prepare) -> None:
    folders = {"0": prepare("0", num_epochs=500, epoch_s=0.02).root, "1": prepare("1").root}
    driver = RecordingDriver(folders, halt_after_reports=3)
    SequentialScheduler().run(driver, recipe)
    assert (driver.reports, driver.ends) == ({"0": [1, 2, 3]}, {"0": None})


def test_trainer_that_cannot_be_started_is_told_as_a_failure(tmp_path: Path, prepare: Prepare) -> None:
    driver = RecordingDriver({"0": prepare("0").root})
    SequentialScheduler().run(driver, TrainerRecipe(("python",), tmp_path / "nowhere", "AP11"))
    assert "nowhere: cannot start python" in str(driver.ends["0"])


def open_addresses() -> list[str]:
    """Local addresses of all listening IPv4 and IPv6 sockets of this machine."""
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                raw = bytes.fromhex(fields[1].partition(":")[0])
                found.append(socket.inet_ntoa(raw[-4:][::-1]))
    return found


BEFORE = open_addresses()
