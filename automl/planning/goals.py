"""What a study improves and within which limits: ``--metric``, ``--objective`` and ``--constraint``."""

from __future__ import annotations

import math
import re

from automl.errors import Fault, UsageError
from automl.request import RunRequest
from automl.types import Constraint, Direction, Metric

__all__ = ["parse_constraints", "parse_objectives"]

_CONSTRAINT = re.compile(r"\s*(?P<name>[^<>=\s]+)\s*(?P<relation><=|>=)\s*(?P<bound>\S+)\s*")


def parse_constraints(request: RunRequest) -> tuple[Constraint, ...]:
    """The limits of ``--constraint``.

    Raises:
        UsageError: texts that are no limits, all of them.
    """
    found, faults = [], []
    for text in request.constraints:
        match = _CONSTRAINT.fullmatch(text)
        bound = _number(match["bound"]) if match else None
        if match is None or bound is None:
            faults.append(
                Fault(f"{text!r} is not a limit", "--constraint", 'write "latency_ms<=50" or "recall>=0.5"')
            )
        else:
            found.append(Constraint(match["name"], match["relation"] == "<=", bound))
    if faults:
        raise UsageError(faults)
    return tuple(found)


def parse_objectives(request: RunRequest) -> tuple[Metric, ...]:
    """The objectives of ``--objective``, the one that ranks first.

    Raises:
        UsageError: texts that are no objectives, one that stands twice, or a ``--metric`` beside them that is
            not the first.
    """
    faults, found = [], []
    for text in request.objectives:
        name, _, direction = text.rpartition(":")
        if not name.strip() or direction not in set(Direction):
            faults.append(Fault(f"{text!r} is not an objective", "--objective", "write AP11:maximize"))
        else:
            found.append(Metric(name.strip(), Direction(direction)))
    names = [objective.name for objective in found]
    if len(set(names)) < len(names):
        faults.append(
            Fault(f"an objective stands twice in {', '.join(names)}", "--objective", "name it once")
        )
    if request.metric and names and request.metric != names[0]:
        message = f"{request.metric} is to rank, but the first objective is {names[0]}"
        faults.append(Fault(message, "--metric", "leave --metric out: the first objective ranks"))
    if faults:
        raise UsageError(faults)
    return tuple(found)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
