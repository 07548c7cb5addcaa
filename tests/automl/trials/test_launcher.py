import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from automl.errors import TrialError
from automl.trials.launcher import Command, TrainerProcess, trainer_environment


def command(tmp_path: Path, code: str, grace_s: float = 5.0) -> Command:
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(code))
    return Command(
        ("python", str(script)), tmp_path, tmp_path / "log", trainer_environment(os.environ, 1), grace_s
    )


def wait_for(path: Path) -> int:
    for _ in range(500):
        if path.exists() and path.read_text():
            return int(path.read_text())
        time.sleep(0.01)
    raise AssertionError(f"{path} did not appear")


def is_alive(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def assert_gone(pid: int) -> None:
    for _ in range(500):
        if not is_alive(pid):
            return
        time.sleep(0.01)
    raise AssertionError(f"process {pid} is still there")


WRITE_PID = (
    "import os, pathlib, signal, subprocess, sys, time; pathlib.Path('pid').write_text(str(os.getpid()))\n"
)
STUBBORN_CHILD = """
stay = "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", stay], start_new_session=True)
pathlib.Path("pid").write_text(str(child.pid))
"""


@pytest.mark.parametrize("code", [0, 1, 5])
def test_exit_code_of_the_trainer_comes_through(tmp_path: Path, code: int) -> None:
    assert TrainerProcess(command(tmp_path, f"raise SystemExit({code})")).wait(20) == code


def test_signal_that_ended_the_trainer_shows_as_128_plus_its_number(tmp_path: Path) -> None:
    process = TrainerProcess(command(tmp_path, "import os; os.kill(os.getpid(), 9)"))
    assert process.wait(20) == 137


def test_unknown_program_ends_with_127_and_its_name_in_the_log(tmp_path: Path) -> None:
    missing = Command(
        ("no-such-trainer", "x"), tmp_path, tmp_path / "log", trainer_environment(os.environ, 1)
    )
    assert TrainerProcess(missing).wait(20) == 127
    assert "cannot start 'no-such-trainer'" in (tmp_path / "log").read_text()


def test_missing_working_directory_is_an_error_that_names_it(tmp_path: Path) -> None:
    nowhere = Command(("python",), tmp_path / "nowhere", tmp_path / "log", dict(os.environ))
    with pytest.raises(TrialError, match=r"nowhere: cannot start python: No such file"):
        TrainerProcess(nowhere)


def test_words_with_blanks_and_quotes_reach_the_trainer_unchanged(tmp_path: Path) -> None:
    code = "import sys; print(sys.argv[1:])"
    odd = ("python", "-c", code, "a b", "$HOME", "'; rm")
    TrainerProcess(Command(odd, tmp_path, tmp_path / "log", trainer_environment(os.environ, 1))).wait(20)
    assert (tmp_path / "log").read_text() == "['a b', '$HOME', \"'; rm\"]\n"


def test_stop_lets_the_trainer_save(tmp_path: Path) -> None:
    save = "import signal, pathlib; signal.signal(15, lambda *_: exit(pathlib.Path('saved').touch()))\n"
    process = TrainerProcess(command(tmp_path, save + WRITE_PID + "time.sleep(60)"))
    wait_for(tmp_path / "pid")
    assert process.stop() == 0
    assert (tmp_path / "saved").exists()


def test_stop_kills_what_ignores_it_after_the_grace(tmp_path: Path) -> None:
    ignore = "import signal; signal.signal(15, signal.SIG_IGN)\n"
    process = TrainerProcess(command(tmp_path, ignore + WRITE_PID + "time.sleep(60)", grace_s=0.3))
    pid = wait_for(tmp_path / "pid")
    started = time.monotonic()
    assert process.stop() == 137
    assert time.monotonic() - started < 5
    assert_gone(pid)


def test_stop_is_idempotent(tmp_path: Path) -> None:
    process = TrainerProcess(command(tmp_path, ""))
    assert (process.stop(), process.stop()) == (process.stop(), process.stop())


def test_no_grandchild_survives_the_trainer_even_in_a_session_of_its_own(tmp_path: Path) -> None:
    imports = "import pathlib, subprocess, sys\n"
    process = TrainerProcess(command(tmp_path, imports + STUBBORN_CHILD))
    assert process.wait(20) == 0
    assert_gone(wait_for(tmp_path / "pid"))


def test_sudden_death_of_the_launching_process_ends_the_trainer(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(WRITE_PID + "time.sleep(60)")
    launcher = textwrap.dedent(f"""
        import os, pathlib, time
        from automl.trials.launcher import *
        here = pathlib.Path({str(tmp_path)!r})
        env = trainer_environment(os.environ, 1)
        TrainerProcess(Command(("python", {str(script)!r}), here, here / "log", env, grace_s=1.0))
        time.sleep(60)
    """)
    parent = subprocess.Popen([sys.executable, "-c", launcher])
    pid = wait_for(tmp_path / "pid")
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert_gone(pid)


def test_environment_puts_our_interpreter_first_and_one_thread_per_cpu() -> None:
    env = trainer_environment({"PATH": "/usr/bin", "CUDA_VISIBLE_DEVICES": "3", "OMP_NUM_THREADS": "8"}, 2.0)
    assert env["PATH"] == f"{Path(sys.executable).parent}:/usr/bin"
    assert (env["OMP_NUM_THREADS"], env["OMP_WAIT_POLICY"], env["CUDA_VISIBLE_DEVICES"]) == (
        "2",
        "PASSIVE",
        "3",
    )


def test_wait_policy_of_the_user_stays() -> None:
    assert trainer_environment({"OMP_WAIT_POLICY": "ACTIVE"}, 0.5)["OMP_WAIT_POLICY"] == "ACTIVE"
    assert trainer_environment({}, 0.5)["OMP_NUM_THREADS"] == "1"
