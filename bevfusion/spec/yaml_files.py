"""YAML as people mean it: ``1e-4`` is a number, ``no`` is a word, a key given twice is a mistake."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from bevfusion.errors import SpecError

__all__ = ["parse_text", "read_mapping", "write_mapping"]

_DEEPEST, _MOST_VALUES = 100, 100_000


class _Loader(yaml.SafeLoader):
    """Safe loader with the scalars of YAML 1.2's core schema."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Refuse keys that are given twice; the second would silently win."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} is not a word", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key '{key}' is given twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


# Other types can be asked for by a tag; no spec has any, and their constructors fail on text that is none.
_CORE = ("null", "bool", "int", "float", "str", "seq", "map")
_Loader.yaml_constructors = {
    tag: constructor
    for tag, constructor in yaml.SafeLoader.yaml_constructors.items()
    if tag is None or tag.removeprefix("tag:yaml.org,2002:") in _CORE
}
_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), list(_first))


def _construct_bool(loader: _Loader, node: yaml.ScalarNode) -> bool:
    text = str(loader.construct_scalar(node)).lower()
    if text not in ("true", "false"):
        raise ValueError(f"{node.value!r} is neither true nor false")
    return text == "true"


def _construct_int(loader: _Loader, node: yaml.ScalarNode) -> int:
    return int(str(loader.construct_scalar(node)))  # YAML 1.1 would read 010 as eight


def _construct_float(loader: _Loader, node: yaml.ScalarNode) -> float:
    return float(str(loader.construct_scalar(node)).lower().replace(".inf", "inf").replace(".nan", "nan"))


_Loader.add_constructor("tag:yaml.org,2002:float", _construct_float)
_Loader.add_constructor("tag:yaml.org,2002:bool", _construct_bool)
_Loader.add_constructor("tag:yaml.org,2002:int", _construct_int)


def parse_text(text: str, where: str) -> Any:
    """Whatever a YAML text says: a whole document, or the value of a ``key=value`` override.

    Args:
        text: YAML.
        where: place of the text, for messages.

    Raises:
        SpecError: the text is not valid YAML.
    """
    try:
        _refuse_bombs(text)
        return yaml.load(text, _Loader)  # noqa: S506 - _Loader is a SafeLoader
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise SpecError(f"not readable as YAML: {error}", where=where) from error


def _refuse_bombs(text: str) -> None:
    """Look at the text as a stream first: nesting takes the loader long, aliases can multiply beyond memory.

    Raises:
        ValueError: it is too deep, an alias stands inside what it names, or there are too many values.
    """
    counts: dict[str | None, int] = {}
    around: list[tuple[str | None, int]] = [(None, 0)]  # open collections: their anchors, values so far
    for event in yaml.parse(text, yaml.CSafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            around.append((event.anchor, 0))
            if len(around) > _DEEPEST:
                raise ValueError(f"it is nested deeper than {_DEEPEST} levels")
            continue
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, inside = around.pop()
            counts[anchor] = count = inside + 1
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor in (anchor for anchor, _ in around):
                raise ValueError(f"the alias {event.anchor!r} stands inside what it names")
            count = counts.get(event.anchor, 1)
        else:
            count = int(isinstance(event, yaml.ScalarEvent))
        anchor, before = around[-1]
        around[-1] = anchor, before + count
        if before + count > _MOST_VALUES:
            raise ValueError(f"it holds more than {_MOST_VALUES} values once its aliases are followed")


def read_mapping(path: Path) -> dict[str, Any]:
    """The top-level mapping of a YAML file; an empty file is an empty mapping.

    Raises:
        SpecError: the file is missing, unreadable, or holds something else than a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise SpecError("no such file", where=str(path), hint="give the spec with -e SPEC.yaml") from error
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"cannot be read: {error}", where=str(path)) from error
    found = parse_text(text, str(path))
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise SpecError(
            f"holds a {type(found).__name__}, a spec is a mapping of keys to values", where=str(path)
        )
    return found


def write_mapping(mapping: Mapping[str, Any]) -> str:
    """YAML text with keys in the given order, which `read_mapping` reads back unchanged."""
    return yaml.safe_dump(_plain(mapping), sort_keys=False, default_flow_style=None, width=110)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
