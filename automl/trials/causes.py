"""What the end of a trainer's process means: exit code, last words, and what the kernel did."""

from __future__ import annotations

from automl.types import Cause

__all__ = ["cause_of"]

_CAUSES = {
    1: Cause.DEFECT,
    2: Cause.BAD_SPEC,
    3: Cause.BAD_DATA,
    4: Cause.OUT_OF_MEMORY,
    5: Cause.DIVERGED,
    127: Cause.BAD_SPEC,
    137: Cause.INFRASTRUCTURE,
    143: Cause.INFRASTRUCTURE,
}
_WORDS_OF_THE_MACHINE = ("no space left on device", "disk quota exceeded", "address already in use")
_KILLED = {137, -9}


def cause_of(exit_code: int, message: str, *, oom_kills: int = 0) -> Cause:
    """What a trainer's end means for the search.

    Trainers of the TAO family know no exit codes; what their last status message says in the words of CUDA or
    of the operating system stands above the code.

    Args:
        exit_code: of the trainer; negative for a signal.
        message: its last status message, if that was about a failure.
        oom_kills: what the kernel killed for want of memory while it ran.
    """
    said = message.lower()
    if exit_code not in {0, 4} and "out of memory" in said:
        return Cause.OUT_OF_MEMORY
    was_killed = exit_code in _KILLED or "killed by signal" in said  # itself, a rank, or one of its loaders
    if oom_kills and was_killed:
        return Cause.OUT_OF_MEMORY
    if exit_code and any(words in said for words in _WORDS_OF_THE_MACHINE):
        return Cause.INFRASTRUCTURE
    return _CAUSES.get(exit_code, Cause.INFRASTRUCTURE if exit_code < 0 else Cause.DEFECT)
