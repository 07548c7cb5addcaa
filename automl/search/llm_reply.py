"""What a language model answered, held against the search space; nothing is clipped or made up for it."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from automl.space import Parameter, ParameterKind, SearchSpace
from automl.types import ParamValue

__all__ = ["InvalidReplyError", "Reply", "read_reply"]

_FENCED = re.compile(r"```(?:json)?\s*(\{.*\})\s*```", re.DOTALL)
_SHOWN = 200


class InvalidReplyError(ValueError):
    """An answer that is no configuration; its text tells the model what to mend."""


@dataclass(frozen=True)
class Reply:
    """A configuration and what the model thought.

    Attributes:
        params: every parameter that exists under its conditions; what was left out has its default.
        reason: why this one.
        finding: what the results so far show, where it was asked for.
    """

    params: Mapping[str, ParamValue]
    reason: str
    finding: str = ""


def read_reply(text: str, space: SearchSpace) -> Reply:
    """The configuration in an answer.

    Raises:
        InvalidReplyError: there is none, or it names what may not be suggested; all faults at once.
    """
    document = _find_object(text)
    said = document.get("params")
    if not isinstance(said, dict):
        raise InvalidReplyError('the answer has no object "params"')
    faults = [f"{name!r} is no parameter" for name in said if name not in space]
    params: dict[str, ParamValue] = {}
    for parameter in space:
        if parameter.condition is not None and not parameter.condition.holds(params):
            continue
        value = _typed(parameter, said.get(parameter.name, parameter.default))
        if not _is_allowed(parameter, value):
            faults.append(
                f"{parameter.name} = {json.dumps(said[parameter.name])} is not {_allowed(parameter)}"
            )
        params[parameter.name] = value
    if faults:
        raise InvalidReplyError("; ".join(faults))
    return Reply(params, _line(document.get("reason")), _line(document.get("finding")))


def _find_object(text: str) -> Mapping[str, Any]:
    """The JSON object in an answer, which models like to wrap in prose."""
    fenced = _FENCED.search(text)
    begin, end = text.find("{"), text.rfind("}")
    for candidate in (text, fenced[1] if fenced else "", text[begin : end + 1]):
        try:
            found = json.loads(candidate)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return found
    raise InvalidReplyError(f"the answer holds no JSON object: {text[:_SHOWN]!r}")


def _typed(parameter: Parameter, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return tuple(value) if isinstance(value, list) else value
    if abs(value) > sys.float_info.max:
        return value
    if parameter.kind is ParameterKind.INT and float(value).is_integer():
        return int(value)
    return float(value) if parameter.kind is ParameterKind.FLOAT else value


def _is_allowed(parameter: Parameter, value: Any) -> bool:
    try:
        if not parameter.contains(value):
            return False
    except TypeError:
        return False
    if parameter.choices or not parameter.step:
        return True
    steps = (value - (parameter.low or 0.0)) / parameter.step
    return math.isclose(steps, round(steps), abs_tol=1e-6)


def _allowed(parameter: Parameter) -> str:
    if parameter.choices:
        return f"one of {json.dumps(parameter.choices)}"
    step = f" in steps of {parameter.step:g}" if parameter.step else ""
    kind = "a whole number" if parameter.kind is ParameterKind.INT else "a number"
    return f"{kind} from {parameter.low:g} to {parameter.high:g}{step}"


def _line(text: Any) -> str:
    return " ".join(text.split()) if isinstance(text, str) else ""
