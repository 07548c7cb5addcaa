"""Why a leaf of the schema is not searched."""

from __future__ import annotations

from automl.schema.leaves import ActionSchema, Leaf
from automl.schema.paths import get_path
from automl.schema.space_files import SpaceRequest
from automl.types import Spec

__all__ = ["OVERRIDDEN", "find_absent", "reason_of_absence", "reason_of_exclusion"]

OVERRIDDEN = "disabled by the schema, allowed by"
"""Stands in the source of a parameter that is searched against the schema's word."""
_ABSENT = object()


def reason_of_exclusion(leaf: Leaf, schema: ActionSchema, request: SpaceRequest) -> str:
    """Why nobody put a leaf up for search: the first reason that holds."""
    name, block = leaf.name, leaf.name.partition(".")[0]
    if name in request.managed:
        return f"set by {request.managed[name]}"
    if block in request.foreign:
        return f"belongs to the action {block}"
    if ban := schema.reason_of_ban(leaf):
        return ban
    if name in schema.automl_default:
        return f"not named by {request.only} (only: true)"
    return "not in the schema's automl_default_parameters"


def find_absent(spec: Spec, name: str) -> str | None:
    """The outermost part of a dotted name that the spec does not have, None when it has the whole of it."""
    if get_path(spec, name, _ABSENT) is not _ABSENT:
        return None
    parts = name.split(".")
    prefixes = (".".join(parts[: i + 1]) for i in range(len(parts)))
    return next(prefix for prefix in prefixes if get_path(spec, prefix, None) is None)


def reason_of_absence(name: str, absent: str) -> str:
    """A block that the spec leaves out is not used by the trainer: a search in it changes nothing."""
    return "not in the spec" if name == absent else f"its block {absent} is not in the spec"
