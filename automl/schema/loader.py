"""Reads ``<action>.schema.json`` in the TAO dialect into typed leaves; refuses what it does not understand.

Oddities of schemas in the wild that are taken in stride: the tokens ``Infinity``; ``properties`` that hold
``automl_disabled_parameters`` or other lists among the keys; leaves without ``type`` but with ``anyOf``;
``list_2`` and the like for lists of some convention.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from automl.errors import Fault, SchemaError
from automl.schema.conditions import Clause, parse_math_cond
from automl.schema.documents import read_json_mapping
from automl.schema.leaves import ActionSchema, Leaf, LeafType

__all__ = ["load_schema", "schema_of_template"]

_TYPES: Mapping[str, LeafType] = {
    "int": LeafType.INT,
    "integer": LeafType.INT,
    "float": LeafType.FLOAT,
    "number": LeafType.FLOAT,
    "bool": LeafType.BOOL,
    "boolean": LeafType.BOOL,
    "string": LeafType.STRING,
    "str": LeafType.STRING,
    "categorical": LeafType.CATEGORICAL,
    "ordered": LeafType.CATEGORICAL,
    "ordered_int": LeafType.ORDERED_INT,
    "list": LeafType.LIST,
    "array": LeafType.LIST,
    "subset_list": LeafType.SUBSET_LIST,
    "optional_list": LeafType.OPTIONAL_LIST,
    "collection": LeafType.MAPPING,
    "dict": LeafType.MAPPING,
    "object": LeafType.MAPPING,
}
_AT_MOST = (Clause("<=", None),)
"""What a number that depends on another and has no ``math_cond`` keeps to."""


def load_schema(path: Path) -> ActionSchema:
    """Read one action's schema.

    Raises:
        SchemaError: the file is missing or no JSON object, or holds types, bounds, conditions or names that
            are not understood; all of them at once.
    """
    document = read_json_mapping(path)
    if not isinstance(document.get("properties"), dict):
        raise SchemaError(
            "has no properties", where=str(path), hint="is this a schema file of the TAO dialect?"
        )
    reader = _Reader(path)
    reader.read_group("", document)
    # The list is written from the flags; where somebody wrote a flag alone, that is a wish as well.
    searched = _names(document, "automl_default_parameters")
    searched += tuple(leaf.name for leaf in reader.leaves.values() if leaf.automl_enabled)
    disabled = frozenset(_names(document, "automl_disabled_parameters"))
    for name in searched:
        if name not in reader.leaves:
            reader.fault(name, "stands in automl_default_parameters, but is no leaf of the schema")
    if reader.faults:
        raise SchemaError(reader.faults)
    default = document.get("default")
    return ActionSchema(
        path=path,
        leaves=reader.leaves,
        collections=frozenset(reader.collections),
        automl_default=tuple(dict.fromkeys(searched)),
        automl_disabled=disabled,
        required=tuple(
            name for name in reader.required if name in reader.leaves or name in reader.collections
        ),
        default=default if isinstance(default, dict) else {},
    )


def schema_of_template(path: Path, template: Mapping[str, Any]) -> ActionSchema:
    """A schema that knows a template's keys and nothing of their values, for actions without one."""
    leaves: dict[str, Leaf] = {}
    collections: set[str] = set()

    def visit(prefix: str, group: Mapping[str, Any]) -> None:
        for key, value in group.items():
            name = f"{prefix}{key}"
            if isinstance(value, Mapping) and value:
                collections.add(name)
                visit(f"{name}.", value)
            else:
                leaves[name] = Leaf(name, LeafType.ANY, default=value, has_default=True, nullable=True)

    visit("", template)
    return ActionSchema(path, leaves, frozenset(collections))


class _Reader:
    """Walks the properties of one schema file, collecting leaves and faults."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.leaves: dict[str, Leaf] = {}
        self.collections: list[str] = []
        self.required: list[str] = []
        self.faults: list[Fault] = []

    def read_group(self, prefix: str, group: Mapping[str, Any]) -> None:
        self.required += (f"{prefix}{key}" for key in _names(group, "required"))
        for key, node in group["properties"].items():
            if not isinstance(node, dict):
                continue  # lists such as automl_disabled_parameters stand among the keys
            name = f"{prefix}{key}"
            inner = node.get("properties")
            if isinstance(inner, dict) and any(isinstance(child, dict) for child in inner.values()):
                self.collections.append(name)
                self.read_group(f"{name}.", node)
            else:
                self.leaves[name] = self.read_leaf(name, node)

    def read_leaf(self, name: str, node: Mapping[str, Any]) -> Leaf:
        kind, is_loose = self.read_type(name, node)
        enum = self.options(name, node)
        depends_on = tuple(
            part.strip() for part in str(node.get("depends_on") or "").split(",") if part.strip()
        )
        return Leaf(
            name=name,
            type=kind,
            default=node.get("default"),
            has_default="default" in node,
            minimum=self.bound(name, node, "minimum", -math.inf),
            maximum=self.bound(name, node, "maximum", math.inf),
            enum=enum,
            option_weights=self.weights(name, node, enum),
            pattern=self.pattern(name, node),
            math_cond=self.condition(name, node) or (_AT_MOST if depends_on and kind.is_number else ()),
            depends_on=depends_on,
            automl_enabled=node["automl_enabled"] if isinstance(node.get("automl_enabled"), bool) else None,
            nullable=node.get("nullable") is True
            or (node.get("default") is None and name not in self.required),
            is_loose=is_loose,
            log=node["log"] if isinstance(node.get("log"), bool) else None,
        )

    def read_type(self, name: str, node: Mapping[str, Any]) -> tuple[LeafType, bool]:
        said = node.get("type")
        if said is None:
            parts = node.get("anyOf")
            said = [p.get("type") for p in parts if isinstance(p, dict)] if isinstance(parts, list) else []
        if isinstance(said, list):
            kinds = [_TYPES[option] for option in said if isinstance(option, str) and option in _TYPES]
            number = next((kind for kind in kinds if kind.is_number), None)
            return number or LeafType.ANY, True
        if str(said).startswith("list_"):
            return LeafType.LIST, False
        if not isinstance(said, str) or said not in _TYPES:
            self.fault(name, f"type {said!r} is not known", f"types are {', '.join(sorted(_TYPES))}")
            return LeafType.ANY, True
        return _TYPES[said], False

    def bound(self, name: str, node: Mapping[str, Any], key: str, absent: float) -> float | tuple[float, ...]:
        value = node.get(key)
        if isinstance(value, list):
            elements = [self.number(name, key, item, absent) for item in value]
            return tuple(elements)
        return self.number(name, key, value, absent)

    def number(self, name: str, key: str, value: Any, absent: float) -> float:
        if value in (None, "", "inf", "-inf", "Infinity", "-Infinity"):
            return absent
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fault(name, f"{key} is {value!r}", "bounds are numbers")
            return absent
        return absent if math.isnan(value) or math.isinf(value) else value

    def options(self, name: str, node: Mapping[str, Any]) -> tuple[Any, ...]:
        options = node.get("enum") or ()
        if isinstance(options, list | tuple) and all(map(_is_value, options)):
            return tuple(options)
        self.fault(name, f"enum is {options!r}", "a list of strings, numbers, booleans, or lists of these")
        return ()

    def weights(self, name: str, node: Mapping[str, Any], enum: tuple[Any, ...]) -> tuple[float, ...]:
        weights = node.get("option_weights") or ()
        is_fine = (
            isinstance(weights, list | tuple)
            and len(weights) in (0, len(enum))
            and all(isinstance(weight, int | float) and weight >= 0 for weight in weights)
            and (not weights or sum(weights) > 0)
        )
        if not is_fine:
            self.fault(
                name, f"option_weights {weights!r} do not fit {len(enum)} options", "one weight an option"
            )
            return ()
        return tuple(weights)

    def pattern(self, name: str, node: Mapping[str, Any]) -> str:
        text = node.get("pattern") or ""
        try:
            re.compile(text)
        except (re.error, TypeError):
            self.fault(name, f"pattern {text!r} is no regular expression")
            return ""
        return str(text)

    def condition(self, name: str, node: Mapping[str, Any]) -> tuple[Clause, ...]:
        text = node.get("math_cond")
        if text in (None, ""):
            return ()
        try:
            return parse_math_cond(str(text))
        except ValueError:
            self.fault(
                name, f"math_cond {text!r} is not understood", "forms: > 0, / 8, ^ 2, != 0, > depends_on"
            )
            return ()

    def fault(self, name: str, message: str, hint: str = "regenerate the schema") -> None:
        self.faults.append(Fault(message, f"{self.path}:{name}", hint))


def _names(document: Mapping[str, Any], key: str) -> tuple[str, ...]:
    names = document.get(key)
    return tuple(map(str, names)) if isinstance(names, list) else ()


def _is_value(option: Any) -> bool:
    """Whether a parameter may have this value: an object is a group of others."""
    return all(map(_is_value, option)) if isinstance(option, list) else not isinstance(option, dict)
