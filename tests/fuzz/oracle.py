"""What has to hold of any reader: a value or an error for the user, soon, and without much memory."""

import os
import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from automl.errors import AutomlError, ExitCode
from bevfusion.errors import BevfusionError
from tests.fuzz.target import Target

__all__ = ["DefectError", "check"]

_LONGEST_S = 2.0
_MOST_BYTES = 2**30
_LONGEST_TEXT, _TEXT_PER_BYTE = 10_000, 20
_EXIT_CODES = frozenset(ExitCode)
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class DefectError(AssertionError):
    """A reader that took too long, or an error that is none for a user."""


def check(target: Target, place: Path, content: bytes) -> None:
    """Let a target read a file.

    Args:
        target: what reads.
        place: its scratch folder, prepared.
        content: of the file.

    Raises:
        DefectError: it took too long or said too much or too little.
        Exception: whatever escaped the reader.
    """
    path = place / target.file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    try:
        with _limits():
            target.read(path)
    except (AutomlError, BevfusionError) as error:
        said = str(error)
        is_long = len(said) > _LONGEST_TEXT + _TEXT_PER_BYTE * len(content)
        if is_long or not error.faults or not said or error.exit_code not in _EXIT_CODES:
            raise DefectError(f"exit code {error.exit_code} and {len(said)} letters") from error


@contextmanager
def _limits() -> Iterator[None]:
    """Time of this process and address space; what asks for more fails."""

    def stop(*_: object) -> None:
        raise DefectError(f"took more than {_LONGEST_S:g} s of processor time")

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * _PAGE_BYTES
    before = signal.signal(signal.SIGPROF, stop)
    started = time.process_time()
    resource.setrlimit(resource.RLIMIT_AS, (used + _MOST_BYTES, hard))
    signal.setitimer(signal.ITIMER_PROF, _LONGEST_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGPROF, before)
    if time.process_time() - started > _LONGEST_S:
        stop()
