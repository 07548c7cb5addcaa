import os
import signal
import sys
from types import SimpleNamespace

import pytest

pytestmark = pytest.mark.ray

from ray._private import worker  # noqa: E402

from automl.adapters.ray_tune import _check_life, _own_signals  # noqa: E402
from automl.errors import EnvironmentUnusableError  # noqa: E402


def node_without(*processes: str) -> SimpleNamespace:
    return SimpleNamespace(dead_processes=lambda: [(name, None) for name in processes])


def test_ray_that_died_ends_the_study_by_name_and_with_the_way_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_global_node", node_without("log_monitor", "raylet"))
    with pytest.raises(EnvironmentUnusableError, match=r"died: log_monitor, raylet(.|\n)*automl resume"):
        _check_life()


@pytest.mark.parametrize("node", [None, node_without(), node_without("log_monitor")])
def test_study_lives_on_without_what_it_does_not_need_of_ray(
    monkeypatch: pytest.MonkeyPatch, node: SimpleNamespace | None
) -> None:
    monkeypatch.setattr(worker, "_global_node", node)
    _check_life()


def _start_and_be_stopped() -> None:
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(number))
    os.kill(os.getpid(), signal.SIGTERM)


def test_sigterm_while_ray_starts_is_an_interruption_and_stays_what_it_was() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), _own_signals():
        _start_and_be_stopped()
    assert signal.getsignal(signal.SIGTERM) is before
