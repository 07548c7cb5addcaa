"""What a study improves and within which limits: ``--metric``, ``--objective`` and ``--constraint``."""

from __future__ import annotations

import math
import re

from automl.errors import Fault, UsageError
from automl.request import RunRequest
from automl.types import Constraint

__all__ = ["parse_constraints"]

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


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
