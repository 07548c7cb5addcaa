"""What people say about a search space, as directives; curated files are read here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from automl.errors import Fault, SpaceError
from automl.schema.documents import read_yaml_mapping
from automl.schema.names import suggest
from automl.schema.space_fields import FIELDS, find_problem

__all__ = ["Directive", "SpaceRequest", "read_space_file"]

_KEYS = ("name", "description", "extends", "only", "parameters", "drop", "allow_disabled")


@dataclass(frozen=True)
class Directive:
    """What one file or flag says about one parameter.

    Attributes:
        name: dotted name of the parameter.
        fields: any of low, high, log, step, choices, weights, when, prior, tie, auxiliary, default.
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
        allow_disabled: disabled parameters that may be searched, with the source that said so.
        close_around_default: whether open intervals are closed by the documented rule instead of refused.
        managed: leaves that the platform sets itself, with the reason.
        foreign: top-level keys that belong to other actions.
    """

    directives: tuple[Directive, ...] = ()
    drops: Mapping[str, str] = field(default_factory=dict)
    only: str = ""
    allow_disabled: Mapping[str, str] = field(default_factory=dict)
    close_around_default: bool = False
    managed: Mapping[str, str] = field(default_factory=dict)
    foreign: frozenset[str] = frozenset()


def read_space_file(path: Path, _seen: tuple[Path, ...] = ()) -> SpaceRequest:
    """A curated space over those it extends, which count in the order in which it names them.

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
    bases = document.get("extends") or []
    below = SpaceRequest()
    for base in [bases] if isinstance(bases, str) else bases:
        below = _over(below, read_space_file(reader.base_path(base), (*_seen, path)))
    joined = _over(below, request)
    return joined if "only" not in document else replace(joined, only=request.only)


def _over(below: SpaceRequest, above: SpaceRequest) -> SpaceRequest:
    """Two files as one; what the upper one names is no longer dropped."""
    revived = {directive.name for directive in above.directives}
    kept = {name: why for name, why in below.drops.items() if name not in revived}
    return SpaceRequest(
        directives=below.directives + above.directives,
        drops={**kept, **above.drops},
        only=above.only or below.only,
        allow_disabled={**below.allow_disabled, **above.allow_disabled},
    )


class _FileReader:
    """Checks one space file's shape, collecting faults."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.source = f"{path.parent.name}/{path.name}"
        self.faults: list[Fault] = []

    def read(self, document: Mapping[str, Any]) -> SpaceRequest:
        for key in document:
            if key not in _KEYS:
                hint = suggest(key, _KEYS) or f"keys: {', '.join(_KEYS)}"
                self.fault(key, "is not a key of a space file", hint)
        parameters = document.get("parameters") or {}
        if not isinstance(parameters, dict):
            message = f"holds a {type(parameters).__name__}"
            self.fault("parameters", message, "write parameter names with fields")
            parameters = {}
        only, bases = document.get("only", False), document.get("extends") or []
        if not isinstance(only, bool):
            self.fault("only", f"{only!r} is not true or false", "only: true leaves the schema's list out")
        if not isinstance(bases, str) and not _is_texts(bases):
            self.fault("extends", f"{bases!r} is not a name", "write the name of a space, or a list of names")
        return SpaceRequest(
            directives=tuple(self.directive(str(name), entry) for name, entry in parameters.items()),
            drops=dict.fromkeys(self.names(document, "drop"), self.source),
            only=self.source if only is True else "",
            allow_disabled=dict.fromkeys(self.names(document, "allow_disabled"), self.source),
        )

    def names(self, document: Mapping[str, Any], key: str) -> list[str]:
        names = document.get(key) or []
        if _is_texts(names):
            return list(names)
        self.fault(key, f"{names!r} is not a list of names", "write a list of parameter names")
        return []

    def directive(self, name: str, entry: Any) -> Directive:
        said: dict[str, Any] = {}
        if entry is not None and not isinstance(entry, dict):
            self.fault(name, f"holds {entry!r}", f"write fields: {', '.join(FIELDS)}")
        for key, value in entry.items() if isinstance(entry, dict) else ():
            if problem := find_problem(key, value):
                self.fault(f"{name}.{key}", *problem)
            elif value is not None and key != "comment":
                said[key] = value
        return Directive(name, said, self.source, f"{self.path}:{name}")

    def base_path(self, base: str) -> Path:
        path = self.path.parent / (base if base.endswith((".yaml", ".yml")) else f"{base}.yaml")
        if not _is_file(path):
            known = ", ".join(sorted(other.stem for other in self.path.parent.glob("*.yaml")))
            raise SpaceError(
                f"{base!r} is not there", where=f"{self.path}:extends", hint=f"there are {known}"
            )
        return path

    def fault(self, key: str, message: str, hint: str) -> None:
        self.faults.append(Fault(message, f"{self.path}:{key}", hint))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that no file can have, or a place that nobody may look into
        return False


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
