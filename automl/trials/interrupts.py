"""SIGINT and SIGTERM as a wish that is fulfilled between two steps, never in the middle of one."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["deferred_interrupts", "uninterrupted"]

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def deferred_interrupts(on_first: Callable[[], None] = lambda: None) -> Iterator[threading.Event]:
    """Turn the first SIGINT or SIGTERM into a flag; the second one is a KeyboardInterrupt at once.

    Outside the main thread nothing is changed, since only that one hears signals.

    Args:
        on_first: called when the flag is raised.
    """
    flag = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield flag
        return

    def raise_flag(number: int, frame: object) -> None:  # noqa: ARG001 - a signal handler's signature
        if flag.is_set():
            raise KeyboardInterrupt
        flag.set()
        on_first()

    before = {number: signal.signal(number, raise_flag) for number in _NUMBERS}
    try:
        yield flag
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """A step that is done whole or not at all: a signal that comes meanwhile is heard right after it.

    Outside the main thread nothing is changed, since only that one hears signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard: list[int] = []
    before = {number: signal.signal(number, lambda n, _: heard.append(n)) for number in _NUMBERS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if heard:
        signal.raise_signal(heard[0])
