import logging
import os
import time
from pathlib import Path

import pytest

from automl.trials.claim import claim_folder, new_claim
from automl.trials.folder import TrialFolder
from automl.trials.launcher import Command, TrainerProcess, trainer_environment

SAVE = """
import pathlib, signal, time
signal.signal(15, lambda *_: exit(pathlib.Path("saved").touch()))
pathlib.Path("runs").touch()
time.sleep(60)
"""


def start(trial: TrialFolder, code: str, held: Path) -> TrainerProcess:
    env = trainer_environment(os.environ, 1)
    return TrainerProcess(Command(("python", "-c", code), trial.root, trial.log, env, 5.0, held))


def elsewhere(trial: TrialFolder) -> Path:
    """What a launch on another machine holds the folder with."""
    path = trial.root / ".launch-another.4026531836-0123"
    path.touch()
    return path


def test_folder_is_held_until_the_trainer_is_gone(tmp_path: Path) -> None:
    trial = TrialFolder(tmp_path)
    held = new_claim(trial)
    process = start(trial, "import time; time.sleep(0.3)", held)
    assert held.exists()
    assert process.wait(20) == 0
    assert not held.exists()


def test_trainer_on_another_machine_saves_and_leaves_before_the_folder_is_given_on(tmp_path: Path) -> None:
    trial = TrialFolder(tmp_path)
    process = start(trial, SAVE, elsewhere(trial))
    while not (tmp_path / "runs").exists():
        time.sleep(0.01)
    claim_folder(trial, patience_s=20)
    assert (tmp_path / "saved").exists()
    assert process.wait(5) == 0


def test_what_this_machine_left_behind_is_not_waited_for(tmp_path: Path) -> None:
    trial = TrialFolder(tmp_path)
    held, began = new_claim(trial), time.monotonic()
    claim_folder(trial, patience_s=20)
    assert time.monotonic() - began < 1
    assert not held.exists()


def test_machine_that_is_gone_for_good_is_given_up_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    trial = TrialFolder(tmp_path / "7")
    trial.root.mkdir()
    held = elsewhere(trial)
    with caplog.at_level(logging.WARNING):
        claim_folder(trial, patience_s=0.3)
    assert caplog.messages == ["trial=7 the machine of its last launch does not answer"]
    assert not held.exists()
