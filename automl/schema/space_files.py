"""What people say about a search space: curated files, ``--param`` and ``--drop``, as directives."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from automl.errors import Fault, SpaceError
from automl.schema.documents import parse_value, read_yaml_mapping
from automl.schema.names import suggest

__all__ = ["Directive", "SpaceRequest", "directives_of_flags", "read_space_file"]

_FIELDS = ("low", "high", "log", "step", "choices", "weights", "when", "comment")
_KEYS = ("name", "description", "extends", "only", "parameters", "drop")
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER}):({_NUMBER})(?::(log|linear))?")


@dataclass(frozen=True)
class Directive:
    """What one file or flag says about one parameter.

    Attributes:
        name: dotted name of the parameter.
        fields: any of low, high, log, step, choices, weights, when.
        source: for people: ``search_spaces/default.yaml`` or ``--param``.
        where: ``file:key`` for messages.
    """

    name: str
    fields: Mapping[str, Any]
    source: str
    where: str


@dataclass(frozen=True)
class SpaceRequest:
    """All wishes for one search space, in the order in which they count.

    Attributes:
        directives: later ones win over earlier ones, field by field.
        drops: names to leave out, with the source that said so.
        only: whether the schema's own list is left aside.
        allow_disabled: disabled parameters that may be searched.
        close_around_default: whether open intervals are closed by the documented rule instead of refused.
        managed: leaves that the platform sets itself, with the reason.
        foreign: top-level keys that belong to other actions.
    """

    directives: tuple[Directive, ...] = ()
    drops: Mapping[str, str] = field(default_factory=dict)
    only: str = ""
    allow_disabled: tuple[str, ...] = ()
    close_around_default: bool = False
    managed: Mapping[str, str] = field(default_factory=dict)
    foreign: frozenset[str] = frozenset()


def read_space_file(path: Path, _seen: tuple[Path, ...] = ()) -> SpaceRequest:
    """A curated space and those it extends, the extended ones first.

    Raises:
        SpaceError: all faults of the file: unknown keys, wrong types, an ``extends`` that leads nowhere.
    """
    if path in _seen:
        raise SpaceError("extends itself", where=f"{path}:extends", hint="remove one of the extends")
    document = read_yaml_mapping(path, SpaceError)
    reader = _FileReader(path)
    request = reader.read(document)
    if reader.faults:
        raise SpaceError(reader.faults)
    base = document.get("extends")
    if not base:
        return request
    below = read_space_file(reader.base_path(str(base)), (*_seen, path))
    revived = {directive.name for directive in request.directives}
    return SpaceRequest(
        directives=below.directives + request.directives,
        drops={**{name: why for name, why in below.drops.items() if name not in revived}, **request.drops},
        only=request.only or below.only,
    )


def directives_of_flags(params: Iterable[str]) -> tuple[Directive, ...]:
    """``key=low:high[:log]``, ``key=a,b,c`` or a bare ``key`` (the schema's own bounds) as directives.

    Raises:
        SpaceError: all texts that are none of these.
    """
    directives: list[Directive] = []
    faults: list[Fault] = []
    for text in params:
        name, sign, value = (part.strip() for part in text.partition("="))
        match = _RANGE.fullmatch(value)
        choices = parse_value(f"[{value}]") if sign and not match else None
        if not name or (sign and not match and not (isinstance(choices, list) and len(choices) > 1)):
            faults.append(
                Fault(f"{text!r} is no range and no list", "--param", "write key=low:high[:log] or key=a,b,c")
            )
            continue
        fields: dict[str, Any] = {"choices": choices} if choices else {}
        if match:
            fields = {"low": parse_value(match[1]), "high": parse_value(match[2])}
            fields |= {"log": match[3] == "log"} if match[3] else {}
        directives.append(Directive(name, fields, "--param", f"--param:{name}"))
    if faults:
        raise SpaceError(faults)
    return tuple(directives)


class _FileReader:
    """Checks one space file's shape, collecting faults."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.source = f"{path.parent.name}/{path.name}"
        self.faults: list[Fault] = []

    def read(self, document: Mapping[str, Any]) -> SpaceRequest:
        for key in document:
            if key not in _KEYS:
                self.fault(
                    key, "is not a key of a space file", suggest(key, _KEYS) or f"keys: {', '.join(_KEYS)}"
                )
        parameters = document.get("parameters") or {}
        if not isinstance(parameters, dict):
            self.fault(
                "parameters", f"holds a {type(parameters).__name__}", "write parameter names with fields"
            )
            parameters = {}
        drop = document.get("drop") or []
        if not isinstance(drop, list):
            self.fault("drop", f"{drop!r} is not a list", "write a list of parameter names")
            drop = []
        if not isinstance(document.get("only", False), bool):
            self.fault(
                "only",
                f"{document['only']!r} is not true or false",
                "only: true leaves the schema's list out",
            )
        return SpaceRequest(
            directives=tuple(self.directive(str(name), entry) for name, entry in parameters.items()),
            drops={str(name): self.source for name in drop},
            only=self.source if document.get("only") is True else "",
        )

    def directive(self, name: str, entry: Any) -> Directive:
        fields = {} if entry is None else entry
        if not isinstance(fields, dict):
            self.fault(name, f"holds {entry!r}", f"write fields: {', '.join(_FIELDS)}")
            fields = {}
        for key, value in fields.items():
            problem = self.problem(key, value)
            if problem:
                self.fault(f"{name}.{key}", *problem)
        said = {key: value for key, value in fields.items() if key != "comment" and value is not None}
        return Directive(name, said, self.source, f"{self.path}:{name}")

    def problem(self, key: str, value: Any) -> tuple[str, str] | None:
        """What is wrong with one field, and the remedy."""
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if key not in _FIELDS:
            return "is not a field", suggest(key, _FIELDS) or f"fields: {', '.join(_FIELDS)}"
        if value is None:
            return None
        wrong = {
            "low": not is_number,
            "high": not is_number,
            "step": not is_number or value <= 0,
            "log": not isinstance(value, bool),
            "choices": not isinstance(value, list) or len(value) < 2,
            "weights": not isinstance(value, list),
            "when": not isinstance(value, dict) or len(value) != 1,
        }
        return (f"{value!r} does not fit", _FIELD_HINTS[key]) if wrong.get(key) else None

    def base_path(self, base: str) -> Path:
        path = self.path.parent / (base if base.endswith((".yaml", ".yml")) else f"{base}.yaml")
        if not path.is_file():
            known = ", ".join(sorted(other.stem for other in self.path.parent.glob("*.yaml")))
            raise SpaceError(
                f"{base!r} is not there", where=f"{self.path}:extends", hint=f"there are {known}"
            )
        return path

    def fault(self, key: str, message: str, hint: str) -> None:
        self.faults.append(Fault(message, f"{self.path}:{key}", hint))


_FIELD_HINTS: Mapping[str, str] = {
    "low": "give a number",
    "high": "give a number",
    "step": "give a positive number",
    "log": "true or false",
    "choices": "give a list of at least two values",
    "weights": "give one number a choice",
    "when": "write one parent with its values, {model.type: [a, b]}",
}
