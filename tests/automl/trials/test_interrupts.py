"""Signals that come in the middle of a step are heard after it."""

import os
import signal
from collections.abc import Iterator

import pytest

from automl.trials.interrupts import deferred_interrupts, uninterrupted


@pytest.fixture(autouse=True)
def python_hears_sigint() -> Iterator[None]:
    """A shell that starts the tests in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_step_is_done_before_the_signal_is_heard() -> None:
    done = []

    def step() -> None:
        with uninterrupted():
            os.kill(os.getpid(), signal.SIGINT)
            done.append("whole")

    with pytest.raises(KeyboardInterrupt):
        step()
    assert done == ["whole"]


def test_signal_goes_to_whom_it_was_meant_for() -> None:
    with deferred_interrupts() as asked:
        with uninterrupted():
            os.kill(os.getpid(), signal.SIGTERM)
            assert not asked.is_set()
        assert asked.is_set()


@pytest.fixture
def _hangups_are_heard() -> Iterator[None]:
    """As in a terminal, whatever starts the tests: ``nohup`` would have them ignored."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("_hangups_are_heard")
def test_terminal_that_hangs_up_twice_is_one_wish() -> None:
    with deferred_interrupts() as asked:
        os.kill(os.getpid(), signal.SIGHUP)
        os.kill(os.getpid(), signal.SIGHUP)
        assert asked.is_set()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_who_is_deaf_to_a_hangup_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with deferred_interrupts() as asked:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not asked.is_set()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_handlers_are_what_they_were() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with uninterrupted():
        assert signal.getsignal(signal.SIGINT) is not before[0]
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
