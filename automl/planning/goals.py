"""What a study improves, by which epochs and within which limits: ``--metric``, ``--rank-by`` and so on."""

from __future__ import annotations

import math
import re
from dataclasses import replace

from automl.errors import Fault, UsageError
from automl.request import RunRequest
from automl.skills import Skill
from automl.types import Constraint, Direction, Metric

__all__ = ["choose_metric", "parse_constraints", "parse_objectives", "parse_rank_by"]

_RANK_BY = re.compile(r"(?P<best>best)|last|mean:(?P<count>[1-9]\d*)")
_CONSTRAINT = re.compile(r"\s*(?P<name>[^<>=\s]+)\s*(?P<relation><=|>=)\s*(?P<bound>\S+)\s*")


def choose_metric(request: RunRequest, skill: Skill, *, is_study: bool) -> Metric | None:
    """What trials are ranked by: the first objective, else ``--metric``, else what the model names.

    Args:
        request: the flags.
        skill: may name a metric and its direction.
        is_study: whether anything is ranked; a plain action needs no metric, and gets None without one.

    Raises:
        UsageError: nobody says what to rank by, or which way it is better.
    """
    constraints, mean_of_last = parse_constraints(request), parse_rank_by(request.rank_by)
    if objectives := parse_objectives(request):
        return replace(objectives[0], constraints=constraints, mean_of_last=mean_of_last)
    known = skill.metric
    name = request.metric or (known.name if known else None)
    direction = request.direction
    if direction is None and known and name == known.name:
        direction = known.direction.value
    if name and direction:
        return Metric(name, Direction(direction), constraints, mean_of_last)
    if is_study:
        raise _unranked(skill, name)
    return None


def _unranked(skill: Skill, name: str | None) -> UsageError:
    """Why nothing can be ranked by a metric, and what to add."""
    if skill.metric and name:
        return UsageError(
            f"{skill.name} ranks by {skill.metric.name} and does not say which way {name} is better",
            where=f"--metric:{name}",
            hint=f"leave --metric out for {skill.metric.name}, or add --direction maximize or minimize",
        )
    missing = "--metric and --direction" if name is None else "--direction"
    return UsageError(f"{skill.name} does not say what to rank by", where=missing, hint=f"give {missing}")


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


def parse_rank_by(text: str) -> int | None:
    """How many of a trial's last epochs stand for it, by ``--rank-by``; None where its best one does.

    Raises:
        UsageError: the text is no such rule.
    """
    match = _RANK_BY.fullmatch(text)
    if match is None:
        raise UsageError(
            f"{text!r} does not say which epochs stand for a trial",
            where="--rank-by",
            hint="write best, last, or mean:3 for the mean of the last three",
        )
    return None if match["best"] else int(match["count"] or 1)


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
