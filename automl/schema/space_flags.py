"""``--param`` texts as directives; they mean what the fields of a curated file mean."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from automl.errors import Fault, SpaceError
from automl.schema.documents import parse_value
from automl.schema.space_files import Directive

__all__ = ["directives_of_flags"]

_TIE = "tie:"
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(
    rf"(?P<low>{_NUMBER}):(?P<high>{_NUMBER})(?::(?P<scale>log|linear))?(?:@(?P<start>{_NUMBER}))?"
)
_FORMS = "write key=low:high[:log], key=a,b,c or key=tie:formula"


def directives_of_flags(params: Iterable[str]) -> tuple[Directive, ...]:
    """Read ``key``, ``key=low:high[:log]``, ``key=a,b,c``, ``key=tie:formula`` and ``name=low:high@start``.

    A bare key takes the schema's own bounds. ``@`` makes a dimension that is no key of the spec, starts at
    that value, and feeds ties.

    Raises:
        SpaceError: all texts that are none of these.
    """
    directives: list[Directive] = []
    faults: list[Fault] = []
    for text in params:
        name, sign, value = (part.strip() for part in text.partition("="))
        fields = _read_fields(value) if sign else {}
        if name and fields is not None:
            directives.append(Directive(name, fields, "--param", f"--param:{name}"))
        else:
            faults.append(Fault(f"{text!r} is no range, no list and no tie", "--param", _FORMS))
    if faults:
        raise SpaceError(faults)
    return tuple(directives)


def _read_fields(value: str) -> dict[str, Any] | None:
    if value.startswith(_TIE):
        formula = value.removeprefix(_TIE).strip()
        return {"tie": formula} if formula else None
    if match := _RANGE.fullmatch(value):
        fields = {"low": parse_value(match["low"]), "high": parse_value(match["high"])}
        if match["scale"]:
            fields["log"] = match["scale"] == "log"
        if match["start"]:
            fields |= {"auxiliary": True, "default": parse_value(match["start"])}
        return fields
    choices = parse_value(f"[{value}]")
    return {"choices": choices} if isinstance(choices, list) and len(choices) > 1 else None
