"""YAML and JSON as users mean them: ``1e-4`` is a number, ``on`` is a word, a key stands once."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from automl.errors import AutomlError, SchemaError, SpecError

__all__ = ["dump_yaml", "parse_value", "plain", "read_json_mapping", "read_text", "read_yaml_mapping"]


_DEEPEST = 100
_MOST_VALUES = 1_000_000


class _Loader(yaml.CSafeLoader):
    """YAML 1.2 core schema: PyYAML's 1.1 reads ``1e-4`` as text and ``on``, ``no``, ``1:30`` as values."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str | int | float) and key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key!r} stands twice", key_node.start_mark
                )
            if isinstance(key, str | int | float):
                seen.add(key)
        return super().construct_mapping(node, deep=deep)


# A tag asks for a type by name. Those beyond the core schema are in no file of ours, and PyYAML's dates and
# truth values fail on text that is none with whatever error comes first.
_CORE = ("null", "bool", "int", "float", "str", "seq", "map")
_Loader.yaml_constructors = {
    tag: constructor
    for tag, constructor in yaml.CSafeLoader.yaml_constructors.items()
    if tag is None or tag.removeprefix("tag:yaml.org,2002:") in _CORE
}
_Loader.yaml_implicit_resolvers = {}
_INT = re.compile(r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$")
_FLOAT = re.compile(
    r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"
)
for _tag, _pattern, _first in (
    ("bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), "tTfF"),
    ("int", _INT, "-+0123456789"),
    ("float", _FLOAT, "-+.0123456789"),
    ("null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _pattern, list(_first))


def _bounded_int(text: str) -> int:
    """A whole number that a float can hold too; longer ones are no setting of anything.

    Raises:
        ValueError: it has hundreds of digits.
    """
    number = int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if abs(number) > sys.float_info.max:
        raise ValueError(f"the number {text[:20]}... has too many digits")
    return number


def _construct_bool(loader: _Loader, node: yaml.ScalarNode) -> bool:
    text = loader.construct_scalar(node)
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{text!r} is neither true nor false")
    return text.lower() == "true"


def _construct_int(loader: _Loader, node: yaml.ScalarNode) -> int:
    return _bounded_int(loader.construct_scalar(node))


def _construct_float(loader: _Loader, node: yaml.ScalarNode) -> float:
    return float(loader.construct_scalar(node).lower().replace(".inf", "inf").replace(".nan", "nan"))


_Loader.add_constructor("tag:yaml.org,2002:bool", _construct_bool)
_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _construct_float)


def _load(text: str) -> Any:
    """The one value in a text, once it is known that it is not far larger or deeper than it looks."""
    _check_extent(text)
    return yaml.load(text, _Loader)  # noqa: S506  # a SafeLoader with other scalars


def _check_extent(text: str) -> None:
    """Refuse aliases that multiply, and nesting that would overflow the stack of the C loader.

    Raises:
        yaml.YAMLError: too deep, too many values once aliases are followed, or an alias inside itself.
    """
    sizes: dict[str, int] = {}
    open_: list[tuple[str | None, int]] = [(None, 0)]
    for event in yaml.parse(text, _Loader):
        anchor, size = getattr(event, "anchor", None), 1
        if isinstance(event, yaml.CollectionStartEvent):
            open_.append((anchor, size))
            if len(open_) > _DEEPEST:
                raise yaml.YAMLError(f"is nested deeper than {_DEEPEST} levels")
            continue
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, size = open_.pop()
        elif isinstance(event, yaml.AliasEvent):
            if any(anchor == other for other, _ in open_):
                raise yaml.YAMLError(f"the alias {anchor!r} stands inside what it names")
            anchor, size = None, sizes.get(anchor or "", 1)
        elif not isinstance(event, yaml.ScalarEvent):
            continue
        if anchor is not None:
            sizes[anchor] = size
        outer, known = open_[-1]
        open_[-1] = (outer, known + size)
        if known + size > _MOST_VALUES:
            raise yaml.YAMLError(f"holds more than {_MOST_VALUES} values once its aliases are followed")


def read_text(path: Path, error: type[AutomlError]) -> str:
    """Text of a file.

    Raises:
        AutomlError: of the given type, when the file cannot be read or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as cause:
        reason = cause.strerror if isinstance(cause, OSError) else "not UTF-8 text"
        is_lost = isinstance(cause, FileNotFoundError) and not path.is_absolute()
        hint = f"the path starts at {Path.cwd()}" if is_lost else ""
        raise error(f"cannot be read: {reason}", where=str(path), hint=hint) from cause


def read_yaml_mapping(path: Path, error: type[AutomlError] = SpecError) -> dict[str, Any]:
    """The mapping in a YAML file; an empty file is an empty mapping.

    Raises:
        AutomlError: of the given type, with line and column, when the file is not YAML or not a mapping.
    """
    try:
        value = _load(read_text(path, error))
    except yaml.MarkedYAMLError as cause:
        mark = cause.problem_mark
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise error(f"is not YAML: {cause.problem}", where=place) from cause
    except (yaml.YAMLError, RecursionError, ValueError) as cause:
        raise error(f"is not YAML: {cause}", where=str(path)) from cause
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise error(f"holds a {type(value).__name__}, not a mapping of names to values", where=str(path))
    return value


def read_json_mapping(path: Path, error: type[AutomlError] = SchemaError) -> dict[str, Any]:
    """The object in a JSON file; the tokens ``Infinity`` and ``-Infinity`` are numbers.

    Raises:
        AutomlError: of the given type, with line and column, when the file is not JSON or not an object.
    """
    try:
        value = json.loads(read_text(path, error), parse_int=_bounded_int)
    except json.JSONDecodeError as cause:
        raise error(f"is not JSON: {cause.msg}", where=f"{path}:{cause.lineno}:{cause.colno}") from cause
    except (RecursionError, ValueError) as cause:
        reason = "is nested too deeply" if isinstance(cause, RecursionError) else f"is not JSON: {cause}"
        raise error(reason, where=str(path)) from cause
    if not isinstance(value, dict):
        raise error(f"holds a {type(value).__name__}, not an object", where=str(path))
    return value


def parse_value(text: str) -> Any:
    """One value as written behind ``key=`` on a command line; text that is not YAML stays text."""
    try:
        return _load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return text


def plain(value: Any) -> Any:
    """The value made of dicts, lists and scalars alone: tuples become lists, other mappings become dicts."""
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


class _Dumper(yaml.CSafeDumper):
    """Quotes text that YAML 1.2 alone would take for a number, such as ``1e-4``."""


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = "'" if _INT.match(text) or _FLOAT.match(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def dump_yaml(value: Mapping[str, Any]) -> str:
    """YAML text in the order of the mapping, read alike by YAML 1.1 and 1.2.

    Raises:
        SpecError: a text cannot be written in any file, for instance since a flag was no UTF-8.
    """
    try:
        return yaml.dump(plain(value), Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    except UnicodeEncodeError as cause:
        raise SpecError(f"{cause.object[:40]!r} is not Unicode text", hint="write it in UTF-8") from cause
