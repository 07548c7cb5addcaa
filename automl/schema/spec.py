"""Specs in layers: template, profile, file, ``--set``, data sources, and last the parameters of a trial."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from automl.errors import Fault, SpecError, UsageError
from automl.schema.documents import parse_value, plain, read_yaml_mapping
from automl.schema.leaves import ActionSchema, LeafType
from automl.schema.names import suggest
from automl.schema.paths import get_path, with_path
from automl.schema.validation import coerce, find_faults
from automl.types import Params, Spec

__all__ = [
    "OVERRIDES",
    "Layer",
    "LayeredSpec",
    "apply_params",
    "layer_of_file",
    "layer_of_overrides",
    "merge_layers",
    "resolve_spec",
]

OVERRIDES = "--set"
"""Source of the values that a user gives on the command line."""
_ABSENT = object()


@dataclass(frozen=True)
class Layer:
    """Values from one source over those of the layers before.

    Attributes:
        source: file or flag, for messages.
        values: nested mappings; a dotted name is one way to write a key.
    """

    source: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class LayeredSpec:
    """A resolved spec that remembers where each value was set.

    Attributes:
        values: the whole spec.
        origin: dotted name to the source that set it last; names that no layer touched are missing.
    """

    values: Spec
    origin: Mapping[str, str]


def layer_of_file(path: Path) -> Layer:
    """A spec or profile file as a layer.

    Raises:
        SpecError: the file cannot be read or is not a YAML mapping.
    """
    return Layer(str(path), read_yaml_mapping(path, SpecError))


def layer_of_overrides(pairs: Iterable[str]) -> Layer:
    """``key=value`` texts as a layer; values are read as YAML.

    Raises:
        UsageError: texts without ``=`` or without a key.
    """
    values: dict[str, Any] = {}
    faults: list[Fault] = []
    for pair in pairs:
        key, sign, text = pair.partition("=")
        if not sign or not key.strip():
            faults.append(
                Fault(f"{pair!r} is not key=value", OVERRIDES, "for instance --set train.num_epochs=6")
            )
        values[key.strip()] = parse_value(text)
    if faults:
        raise UsageError(faults)
    return Layer(OVERRIDES, values)


def resolve_spec(template: Mapping[str, Any], schema: ActionSchema, layers: Iterable[Layer]) -> LayeredSpec:
    """Put layers over the template, in order, and validate what they changed.

    The template itself is its author's word: keys and values that deviate from the schema stay.

    Raises:
        SpecError: unknown keys (with a suggestion), values where names are expected, and all values that the
            schema refuses, each with the file or flag that set it.
    """
    stack = _Stack(plain(template), schema)
    for layer in layers:
        stack.add(layer)
    changed = {
        name for name in stack.origin if get_path(stack.spec, name) != get_path(template, name, _ABSENT)
    }
    faults = stack.faults + find_faults(stack.spec, schema, changed, stack.where)
    if faults:
        raise SpecError(faults)
    return LayeredSpec(stack.spec, stack.origin)


def merge_layers(layers: Iterable[Layer]) -> LayeredSpec:
    """Join layers that no schema and no template vouches for; nothing is checked."""
    spec: Any = {}
    origin: dict[str, str] = {}
    for layer in layers:
        for name, value in layer.values.items():
            spec = with_path(spec, name, _merge(get_path(spec, name), plain(value)))
            origin[name] = layer.source
    return LayeredSpec(spec, origin)


def apply_params(
    spec: Spec, params: Params, schema: ActionSchema | None = None, *, source: str = "trial parameters"
) -> Spec:
    """A trial's spec: the default spec with the searched parameters put in; the default is left as it is.

    Args:
        spec: resolved default spec.
        params: dotted name to value; ``key[0]`` is an element of a list.
        schema: when given, the outcome is validated against it.
        source: where the parameters come from, for messages.

    Raises:
        SpecError: a parameter has no place in the spec, or the outcome breaks the schema.
    """
    faults = []
    outcome: Any = spec
    for name, value in params.items():
        leaf = schema.leaves.get(name) if schema else None
        if leaf is None and get_path(spec, name, _ABSENT) is _ABSENT:
            hint = suggest(name, schema.leaves) if schema else ""
            faults.append(Fault("is not a key of the spec", f"{source}:{name}", hint))
            continue
        outcome = with_path(outcome, name, coerce(leaf, value) if leaf else plain(value))
    if schema:
        faults += find_faults(outcome, schema, params, lambda name: f"{source}:{name}")
    if faults:
        raise SpecError(faults)
    return outcome  # type: ignore[no-any-return]


class _Stack:
    """A spec under construction: the values, who set them, and what was wrong."""

    def __init__(self, template: Mapping[str, Any], schema: ActionSchema) -> None:
        self.template = template
        self.spec: Any = template
        self.schema = schema
        self.origin: dict[str, str] = {}
        self.faults: list[Fault] = []

    def where(self, name: str) -> str:
        return f"{self.origin.get(name, self.schema.path)}:{name}"

    def add(self, layer: Layer) -> None:
        self._descend("", layer.values, layer.source)

    def _descend(self, prefix: str, group: Mapping[str, Any], source: str) -> None:
        for key, value in group.items():
            self._set(f"{prefix}{key}", value, source)

    def _set(self, name: str, value: Any, source: str) -> None:
        if name in self.schema.collections:
            if isinstance(value, Mapping):
                self._descend(f"{name}.", value, source)
            else:
                self._fault(
                    name, source, f"{value!r} stands where names are expected", "write its keys below it"
                )
        elif name in self.schema.leaves:
            self._set_leaf(name, value, source)
        elif self._free_parent(name) or get_path(self.template, name, _ABSENT) is not _ABSENT:
            self._put(name, _merge(get_path(self.spec, name), value), source)
        else:
            self._fault(name, source, "is not a key of the spec", self._suggest(name))

    def _set_leaf(self, name: str, value: Any, source: str) -> None:
        value = _merge(get_path(self.spec, name), value)
        self._put(name, coerce(self.schema.leaves[name], plain(value)), source)

    def _put(self, name: str, value: Any, source: str) -> None:
        try:
            self.spec = with_path(self.spec, name, plain(value))
        except KeyError:
            self._fault(
                name, source, "leads past the end of a list or through a plain value", "check the path"
            )
        else:
            self.origin[name] = source

    def _free_parent(self, name: str) -> bool:
        """Whether the name lies inside a leaf that holds names of its own, or is an element of a list."""
        prefixes = [name[:i] for i, letter in enumerate(name) if letter in ".["]
        leaves = [self.schema.leaves[prefix] for prefix in prefixes if prefix in self.schema.leaves]
        return any(leaf.type.is_list or leaf.type in (LeafType.MAPPING, LeafType.ANY) for leaf in leaves)

    def _suggest(self, name: str) -> str:
        group = name.rpartition(".")[0]
        known = [*self.schema.leaves, *self.schema.collections]
        beside = [other for other in known if other.rpartition(".")[0] == group]
        return suggest(name, beside) or suggest(name, known) or _list_keys(group, known)

    def _fault(self, name: str, source: str, message: str, hint: str) -> None:
        self.faults.append(Fault(message, f"{source}:{name}", hint))


def _merge(base: Any, over: Any) -> Any:
    """``over``; of two mappings their deep join, in which ``over`` wins."""
    if not isinstance(base, Mapping) or not isinstance(over, Mapping):
        return over
    return {**base, **{key: _merge(base.get(key), value) for key, value in over.items()}}


def _list_keys(group: str, known: Iterable[str]) -> str:
    """What stands in a group, or in the nearest one above it that there is."""
    prefix = f"{group}." if group else ""
    keys = dict.fromkeys(
        name.removeprefix(prefix).partition(".")[0] for name in known if name.startswith(prefix)
    )
    if group and not keys:
        return _list_keys(group.rpartition(".")[0], known)
    return f"keys of {group or 'the spec'}: {', '.join(keys)}"
