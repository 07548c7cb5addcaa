"""SIGINT, SIGTERM and SIGHUP as a wish that is fulfilled between two steps, never in the middle of one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["deferred_interrupts", "stop_signals", "uninterrupted"]


@contextmanager
def deferred_interrupts(on_first: Callable[[], None] = lambda: None) -> Iterator[threading.Event]:
    """Turn the first SIGINT, SIGTERM or SIGHUP into a flag; the second one is a KeyboardInterrupt at once.

    A terminal that hangs up says so more than once, so SIGHUP is no such second one. Outside the main thread
    nothing is changed, since only that one hears signals.

    Args:
        on_first: called when the flag is raised.
    """
    flag = threading.Event()

    def raise_flag(number: int, frame: object) -> None:  # noqa: ARG001 - a signal handler's signature
        if flag.is_set() and number == signal.SIGHUP:
            return
        if flag.is_set():
            raise KeyboardInterrupt
        flag.set()
        on_first()

    with _heard_by(raise_flag):
        yield flag


@contextmanager
def uninterrupted() -> Iterator[None]:
    """A step that is done whole or not at all: a signal that comes meanwhile is heard right after it.

    Outside the main thread nothing is changed, since only that one hears signals.
    """
    heard: list[int] = []
    with _heard_by(lambda number, _: heard.append(number)):
        yield
    if heard:
        signal.raise_signal(heard[0])


def stop_signals() -> list[signal.Signals]:
    """The signals that end a run; SIGHUP is one unless it is ignored, as ``nohup`` wants it."""
    is_deaf = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM, *([] if is_deaf else [signal.SIGHUP])]


@contextmanager
def _heard_by(handler: Callable[[int, Any], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in stop_signals()}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
