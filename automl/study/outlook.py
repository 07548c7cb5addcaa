"""How long a study may still take, from what it took so far."""

from __future__ import annotations

from automl.study.state import StudyState
from automl.types import Budget

__all__ = ["seconds_to_go"]


def seconds_to_go(state: StudyState, budget: Budget, *, elapsed_s: float) -> float | None:
    """The lesser of two guesses: the rest goes as the trials that ended, or as the epochs that were paid for.

    Trials side by side end late and together, so that the first guess is far too long in the beginning;
    trials that are stopped early leave epochs unpaid, so that the second is too long at the end.

    Args:
        state: the study as of now.
        budget: what may be spent.
        elapsed_s: since the study began.

    Returns:
        None before the first epoch.
    """
    trials = budget.trials + budget.repeats
    ended = sum(record.state.is_final for record in state.records.values())
    done = ((ended, trials), (state.epochs_total, budget.epochs or trials * budget.max_epochs))
    guesses = [elapsed_s / have * max(0, whole - have) for have, whole in done if have]
    if guesses and budget.time_s is not None:
        guesses.append(max(0.0, budget.time_s - elapsed_s))
    return min(guesses, default=None)
