"""From a YAML file and overrides to a typed, complete and consistent spec; all faults of a file at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

from bevfusion.errors import Fault, SpecError
from bevfusion.spec.actions import ConvertSpec
from bevfusion.spec.derive import derive_experiment
from bevfusion.spec.experiment import ExperimentSpec
from bevfusion.spec.leaf import Block, Leaf, Member, members
from bevfusion.spec.values import Mismatch, convert
from bevfusion.spec.yaml_files import parse_text, read_mapping

__all__ = ["load_convert_spec", "load_spec", "peek"]

OVERRIDE = "command line"
T = TypeVar("T")


def load_spec(path: Path, overrides: Sequence[str] = ()) -> ExperimentSpec:
    """Read the spec of train, evaluate, inference or export.

    Args:
        path: YAML file; missing keys take their defaults.
        overrides: ``dotted.key=value`` each, stronger than the file.

    Returns:
        The complete spec with everything derived that was left null.

    Raises:
        SpecError: unknown keys, values of the wrong type or out of bounds, contradictions; all at once.
    """
    reader = _Reader.open(path, overrides, ExperimentSpec)
    spec = reader.read(ExperimentSpec)
    if not reader.is_sound:
        raise SpecError(reader.faults)
    spec, contradictions = derive_experiment(spec)
    return reader.conclude(spec, contradictions)


def load_convert_spec(path: Path, overrides: Sequence[str] = ()) -> ConvertSpec:
    """Read the spec of dataset_convert; arguments and errors as of `load_spec`.

    Raises:
        SpecError: unknown keys, values of the wrong type or out of bounds; all at once.
    """
    reader = _Reader.open(path, overrides, ConvertSpec)
    return reader.conclude(reader.read(ConvertSpec), [])


def peek(path: Path, overrides: Sequence[str], key: str) -> Any:
    """What a spec says about one key, nothing else being looked at; None when it cannot be known."""
    for override in reversed(overrides):
        if override.startswith(f"{key}="):
            return override.partition("=")[2]
    try:
        found: Any = read_mapping(path)
    except SpecError:
        return None
    for part in key.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


@dataclass
class _Reader:
    """Walks a mapping along a spec dataclass and remembers what is wrong."""

    mapping: Mapping[str, Any]
    source: str
    overridden: frozenset[str] = frozenset()
    faults: list[Fault] = field(default_factory=list)
    is_sound: bool = True
    """Whether all of the model could be read: else contradictions would be found with its defaults."""

    @classmethod
    def open(cls, path: Path, overrides: Sequence[str], kind: type) -> _Reader:
        mapping = read_mapping(path)
        reader = cls(mapping, str(path))
        keys = [reader._apply(override, kind) for override in overrides]
        reader.overridden = frozenset(key for key in keys if key)
        return reader

    def read(self, kind: type[T]) -> T:
        return self._block(self.mapping, kind, kind(), "")

    def conclude(self, spec: T, contradictions: Sequence[Fault]) -> T:
        placed = [Fault(fault.message, self._where(fault.where), fault.hint) for fault in contradictions]
        if self.faults or placed:
            raise SpecError([*self.faults, *placed])
        return spec

    def _where(self, key: str) -> str:
        is_overridden = any(key == name or key.startswith(f"{name}.") for name in self.overridden)
        return f"{OVERRIDE if is_overridden else self.source}:{key}"

    def _refuse(self, message: str, key: str, hint: str = "") -> None:
        self.is_sound &= not key.startswith("model")
        self.faults.append(Fault(message, self._where(key), hint))

    def _block(self, found: Any, kind: type[T], default: T, path: str) -> T:
        if found is None:
            found = {}
        if not isinstance(found, Mapping):
            self._refuse(f"{found!r} is given where a group of keys belongs", path, _options(kind))
            return default
        known = {member.name: member for member in members(kind)}
        for key in found:
            if key not in known:
                dotted = _join(path, key)
                self.faults.append(Fault("unknown key", self._where(dotted), _suggest(key, path, kind)))
        values = {
            name: self._member(found[name], member, getattr(default, name), _join(path, name))
            if name in found
            else getattr(default, name)
            for name, member in known.items()
        }
        return type(default)(**values)

    def _member(self, found: Any, member: Member, default: Any, path: str) -> Any:
        if isinstance(member.about, Block):
            return self._block(found, member.hint, default, path)
        if found is None and (member.is_nullable or default is None):
            return None
        try:
            return convert(found, member.hint, member.about)
        except Mismatch as mismatch:
            self._refuse(str(mismatch), path, member.about.doc)
            return default

    def _apply(self, override: str, kind: type) -> str | None:
        """Put one override into the mapping; its dotted key, or None when it cannot be used."""
        key, equals, text = override.partition("=")
        if not equals or not key:
            self.faults.append(
                Fault(f"{override!r} is not an override", OVERRIDE, "write it as dotted.key=value")
            )
            return None
        unknown = _first_unknown(key, kind)
        if unknown is not None:
            self.faults.append(Fault("unknown key", f"{OVERRIDE}:{key}", unknown))
            return None
        try:
            value = parse_text(text, f"{OVERRIDE}:{key}")
        except SpecError as error:
            self.faults += error.faults
            return None
        self.mapping = _with(self.mapping, key.split("."), value)
        return key


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else str(key)


def _with(mapping: Any, keys: Sequence[str], value: Any) -> dict[str, Any]:
    copy = dict(mapping) if isinstance(mapping, Mapping) else {}
    copy[keys[0]] = _with(copy.get(keys[0]), keys[1:], value) if len(keys) > 1 else value
    return copy


def _first_unknown(key: str, root: type) -> str | None:
    """The suggestion for the first unknown part of a dotted key, None when all of it is known."""
    path, kind = "", root
    for part in key.split("."):
        known = {member.name: member for member in members(kind)} if is_dataclass(kind) else {}
        if part not in known:
            return _suggest(part, path, kind) if known else f"{path} is a single value"
        kind, path = known[part].hint, _join(path, part)
    return None


def _suggest(key: str, path: str, kind: type) -> str:
    """The likeliest meaning of an unknown key: a neighbour spelled alike, or the same name elsewhere."""
    names = [member.name for member in members(kind)]
    if close := difflib.get_close_matches(str(key), names, n=1):
        return f"did you mean {_join(path, close[0])}?"
    root = ExperimentSpec if kind is not ConvertSpec else ConvertSpec
    dotted = list(_leaf_names(root))
    if same := [name for name in dotted if name.rsplit(".", 1)[-1] == key]:
        return f"did you mean {same[0]}?"
    return _options(kind)


def _options(kind: type) -> str:
    return "known keys here: " + ", ".join(member.name for member in members(kind))


def _leaf_names(kind: type, path: str = "") -> Iterator[str]:
    for member in members(kind):
        name = _join(path, member.name)
        if isinstance(member.about, Leaf):
            yield name
        else:
            yield from _leaf_names(member.hint, name)
