import os
import signal
import subprocess
import sys
from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.ray

from ray._private import worker  # noqa: E402

from automl.adapters.ray_cluster import _own_signals, check_life  # noqa: E402
from automl.errors import EnvironmentUnusableError  # noqa: E402

USE = """
import os, ray
from pathlib import Path
from automl.adapters.ray_cluster import cluster
from automl.types import Resources

@ray.remote
def see():
    return Path(os.environ["RAY_AUTH_TOKEN_PATH"]).stat().st_mode & 0o777

with cluster(Resources(max_concurrent=1)):
    print(oct(ray.get(see.remote())))
print("RAY_AUTH_TOKEN_PATH" in os.environ)
"""


def test_ray_of_a_study_keeps_its_token_in_its_own_folder_and_needs_no_home() -> None:
    named = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
    env = {name: value for name, value in os.environ.items() if name not in named}
    argv = [sys.executable, "-c", USE]
    env["HOME"] = "/proc/nowhere"  # not even root can write there
    done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout, done.returncode) == ("0o600\nFalse\n", 0), done.stderr


def node_without(*processes: str) -> SimpleNamespace:
    return SimpleNamespace(dead_processes=lambda: [(name, None) for name in processes])


def test_ray_that_died_ends_the_study_by_name_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_global_node", node_without("log_monitor", "raylet"))
    with pytest.raises(
        EnvironmentUnusableError, match=r"died: log_monitor, raylet(.|\n)*nothing that was recorded is lost"
    ):
        check_life()


@pytest.mark.parametrize("node", [None, node_without(), node_without("log_monitor")])
def test_study_lives_on_without_what_it_does_not_need_of_ray(
    monkeypatch: pytest.MonkeyPatch, node: SimpleNamespace | None
) -> None:
    monkeypatch.setattr(worker, "_global_node", node)
    check_life()


def _start_and_be_stopped() -> None:
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(number))
    os.kill(os.getpid(), signal.SIGTERM)


def test_sigterm_while_ray_starts_is_an_interruption_and_stays_what_it_was() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), _own_signals():
        _start_and_be_stopped()
    assert signal.getsignal(signal.SIGTERM) is before
