"""Writes the spec dataclasses down in the schema dialect of NVIDIA TAO, for whoever tunes the detector.

Two keys are added to the dialect: ``nullable`` (null is a value, mostly "derive it") and ``log`` (equal
ratios count as equal distances). Bounds that do not exist are left out, so the files are strict JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, get_origin

from bevfusion.spec.actions import ConvertSpec, EvaluateSpec
from bevfusion.spec.experiment import ExperimentSpec
from bevfusion.spec.leaf import Block, Leaf, Member, members

__all__ = ["ACTIONS", "action_schema", "manifest", "template"]

MODEL = "bevfusion"
ACTIONS: Mapping[str, Any] = {
    "train": ExperimentSpec(),
    "evaluate": ExperimentSpec(evaluate=EvaluateSpec(diagnose=True)),
    "inference": ExperimentSpec(),
    "export": ExperimentSpec(),
    "dataset_convert": ConvertSpec(),
}
"""Action to its default spec."""


def template(action: str) -> dict[str, Any]:
    """The complete default spec of an action, as plain values in the order of the dataclasses."""
    plain: dict[str, Any] = _plain(ACTIONS[action])
    return plain


def action_schema(action: str) -> dict[str, Any]:
    """The schema of one action.

    Only training is tuned, so the lists of the other actions put nothing up for search.
    """
    default = ACTIONS[action]
    flags = dict(_automl_flags(type(default), ""))
    searched = [name for name, flag in flags.items() if flag] if action == "train" else []
    return {
        "type": "object",
        "x_tao_schema": {
            "source": "bevfusion spec dataclasses",
            "schema_version": 1,
            "model": MODEL,
            "network_arch": MODEL,
            "core_module": MODEL,
            "action": action,
            "schema_action": action,
        },
        "automl_default_parameters": searched,
        "automl_disabled_parameters": [name for name, flag in flags.items() if flag is False],
        "popular": _popular(default),
        "properties": _properties(default),
        "default": template(action),
    }


def manifest() -> dict[str, Any]:
    """The table of contents of ``schemas/``."""
    return {
        "schema_version": 1,
        "model": MODEL,
        "network_arch": MODEL,
        "automl_enabled": True,
        "failures": {},
        "actions": {action: _manifest_entry(action) for action in ACTIONS},
    }


def _manifest_entry(action: str) -> dict[str, Any]:
    schema = action_schema(action)
    listed = ("automl_default_parameters", "automl_disabled_parameters", "popular")
    return {
        "schema_action": action,
        "core_module": MODEL,
        "path": f"schemas/{action}.schema.json",
        "spec_template": f"references/spec_template_{action}.yaml",
        **{key: schema[key] for key in listed},
    }


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return dict(value) if isinstance(value, Mapping) else value


def _properties(default: Any) -> dict[str, Any]:
    return {
        member.name: _describe(member, getattr(default, member.name)) for member in members(type(default))
    }


def _describe(member: Member, default: Any) -> dict[str, Any]:
    about, title = member.about, member.name.replace("_", " ")
    if isinstance(about, Block):
        found: dict[str, Any] = {"type": "collection", "title": title, "description": about.doc}
        if about.automl is not None:
            found["automl_enabled"] = about.automl
        return {**found, "properties": _properties(default)}
    described = {
        "type": _type_name(member),
        "title": title,
        "description": about.doc,
        "default": _plain(default),
        "minimum": _bound(member, about, about.low),
        "maximum": _bound(member, about, about.high),
        "enum": list(about.choices) or None,
        "math_cond": about.math_cond,
        "nullable": member.is_nullable or None,
        "log": about.log,
        "popular": about.popular or None,
        "automl_enabled": about.automl,
    }
    return {key: value for key, value in described.items() if value is not None or key == "default"}


def _type_name(member: Member) -> str:
    choices = member.about.choices if isinstance(member.about, Leaf) else ()
    if get_origin(member.hint) is tuple:
        return "list"
    if choices:
        return "ordered_int" if member.hint is int else "categorical"
    return {bool: "bool", int: "int", float: "float", str: "string"}[member.hint]


def _bound(member: Member, about: Leaf, bound: float | None) -> Any:
    """One bound of a number, one per element of a list of known length, else none."""
    if bound is None or get_origin(member.hint) is not tuple:
        return bound
    return [bound] * about.length if about.length else None


def _automl_flags(kind: type, path: str) -> Iterator[tuple[str, bool]]:
    """Dotted names that are in or out of the search by flag; a group that is out takes its members along."""
    for member in members(kind):
        name = f"{path}{member.name}"
        if member.about.automl is not None:
            yield name, member.about.automl
        if isinstance(member.about, Block) and member.about.automl is not False:
            yield from _automl_flags(member.hint, f"{name}.")


def _popular(default: Any) -> dict[str, Any]:
    """The nested defaults of the keys that a user interface shows first."""
    found: dict[str, Any] = {}
    for member in members(type(default)):
        value = getattr(default, member.name)
        if isinstance(member.about, Block):
            if inner := _popular(value):
                found[member.name] = inner
        elif member.about.popular:
            found[member.name] = _plain(value)
    return found
