"""Numbers, durations, names and endings as people read them; the terminal and the report say the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from automl.types import Cause, Metric, ParamValue, TrialState

__all__ = ["CAUSES", "ENDINGS", "count", "duration", "remedy_of", "shorten", "value_text", "what_ranks"]

ENDINGS: Mapping[TrialState, str] = MappingProxyType(
    {
        TrialState.QUEUED: "waits",
        TrialState.RUNNING: "runs",
        TrialState.PAUSED: "paused",
        TrialState.SUCCEEDED: "finished",
        TrialState.PRUNED: "stopped early",
        TrialState.FAILED: "failed",
        TrialState.CANCELLED: "cancelled",
    }
)
"""A state in the words of a line."""

CAUSES: Mapping[Cause, str] = MappingProxyType(
    {
        Cause.EARLY_STOPPED: "it was behind the others",
        Cause.RUNG: "it waits until it is among the best of its rung",
        Cause.BAD_SPEC: "the trainer refused its spec",
        Cause.BAD_DATA: "the trainer cannot use the data",
        Cause.OUT_OF_MEMORY: "it ran out of memory",
        Cause.DIVERGED: "its loss became infinite or not a number",
        Cause.NO_METRIC: "it never reported the metric",
        Cause.INFEASIBLE: "it broke a constraint",
        Cause.INFRASTRUCTURE: "the machine or a signal ended it",
        Cause.TIMEOUT: "it said nothing for too long",
        Cause.DEFECT: "the trainer broke",
        Cause.BUDGET: "the budget was spent",
        Cause.USER: "the user stopped it",
    }
)
"""Why a trial is where it is; completes "because"."""

_REMEDIES: Mapping[Cause, str] = MappingProxyType(
    {
        Cause.BAD_SPEC: "mend what the log names; `automl plan` checks the default spec the same way",
        Cause.BAD_DATA: "`automl doctor --data ROOT` checks the data",
        Cause.OUT_OF_MEMORY: "bound what needs memory, e.g. --param dataset.train_dataset.batch_size=1:4",
        Cause.DIVERGED: "lower the upper end of the learning rate with --param, or clip gradients",
        Cause.NO_METRIC: "validate within the epochs of a trial: its validation interval is too long",
        Cause.INFEASIBLE: "its evidence names limit and figure; --constraint sets the limits",
        Cause.INFRASTRUCTURE: "see memory and disk with `automl doctor`, then `{resume}`",
        Cause.TIMEOUT: "see in its log where it stood; a data set on a slow disk may need more time",
        Cause.DEFECT: "the last lines of the log name the place",
    }
)
_HOUR_S, _MINUTE_S = 3600.0, 60.0


def remedy_of(cause: Cause | None, resume: str) -> str:
    """What to do about a cause; nothing where nobody can do anything.

    Args:
        cause: what ended a trial.
        resume: the command that goes on with its study.
    """
    return _REMEDIES.get(cause, "").format(resume=resume) if cause else ""


def count(number: int, noun: str) -> str:
    """``1 trial``, ``3 trials``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Seconds below a minute and a half, then minutes, then hours."""
    if seconds < 1.5 * _MINUTE_S:
        return f"{seconds:.0f} s"
    if seconds < 1.5 * _HOUR_S:
        return f"{seconds / _MINUTE_S:.0f} min"
    return f"{seconds / _HOUR_S:.1f} h"


def what_ranks(metric: Metric) -> str:
    """The value of a trial that ranks: ``best AP11``."""
    if metric.rank_by in {"best", "last"}:
        return f"{metric.rank_by} {metric.name}"
    return f"mean {metric.name} of the last {metric.mean_of_last} epochs"


def value_text(value: ParamValue) -> str:
    """A parameter's value; four digits tell two learning rates apart."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def shorten(names: Iterable[str]) -> dict[str, str]:
    """Dotted name to the shortest end of it that no other name shares."""
    parts = {name: name.split(".") for name in names}
    ends = Counter(".".join(words[-k:]) for words in parts.values() for k in range(1, len(words) + 1))
    return {
        name: next((end for k in range(1, len(words) + 1) if ends[end := ".".join(words[-k:])] == 1), name)
        for name, words in parts.items()
    }
