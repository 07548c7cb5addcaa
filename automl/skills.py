"""Skill directories: what makes a model tunable, found by name or by folder, without importing the model.

A skill directory holds ``references/skill_info.yaml``, ``schemas/<action>.schema.json``,
``references/spec_template_<action>.yaml`` and, optionally, ``search_spaces/*.yaml``. Whatever a directory
does not say is None here; flags fill the gap.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from automl.errors import Fault, SchemaError, UsageError
from automl.schema.documents import read_yaml_mapping
from automl.schema.paths import get_path
from automl.types import Direction, Metric

__all__ = [
    "DataSource",
    "Hardware",
    "Skill",
    "SkillAction",
    "SpecKeys",
    "command_environment",
    "fill_command",
    "find_skill",
    "load_skill",
]

_INFO = Path("references") / "skill_info.yaml"


@dataclass(frozen=True)
class SpecKeys:
    """Dotted places of the values that the platform itself sets; None where the trainer has no such key."""

    epochs: str | None = None
    validation_interval: str | None = None
    checkpoint_interval: str | None = None
    pretrained: str | None = None
    resume: str | None = None
    seed: str | None = None
    results_dir: str | None = None
    gpus: str | None = None
    nodes: str | None = None

    def present_in(self, spec: Mapping[str, Any]) -> SpecKeys:
        """The same without keys that the spec does not have."""
        missing: dict[str, Any] = {
            name: None for name, key in self.named().items() if get_path(spec, key, _ABSENT) is _ABSENT
        }
        return replace(self, **missing)

    def named(self) -> dict[str, str]:
        """Role to key, for the keys there are."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None}


_ABSENT = object()
# Where TAO trainers keep these; used only where a skill directory says nothing and the spec has the key.
_CUSTOMARY = SpecKeys(
    epochs="train.num_epochs",
    validation_interval="train.validation_interval",
    checkpoint_interval="train.checkpoint_interval",
    seed="train.seed",
    results_dir="results_dir",
    gpus="train.num_gpus",
    nodes="train.num_nodes",
)
_ROLE_OF_FUNCTION = {
    "output_dir": "results_dir",
    "resume_model": "resume",
    "ptm_if_no_resume_model": "pretrained",
}


@dataclass(frozen=True)
class DataSource:
    """A spec key that ``--data`` fills.

    Attributes:
        file: name relative to the data root; ``.`` is the root itself.
        fallback: taken when ``file`` is not there, None when ``file`` must be.
    """

    key: str
    file: str
    fallback: str | None = None


@dataclass(frozen=True)
class Hardware:
    """What the model asks for; the platform warns below it."""

    min_gpus: int = 0
    recommended_gpus: int = 0
    min_vram_gb: float = 0.0


@dataclass(frozen=True)
class SkillAction:
    """One action of a model.

    Attributes:
        command: argument list with ``{config_path}`` and, optionally, ``{skill_dir}``.
        inputs: spec keys that take files or folders, as the skill describes them.
        spec_params: spec key to the function that fills it (contract section 9).
        keys: places of the values that the platform sets.
        preflight: argument list of the model's own check of a spec, None when it has none.
    """

    name: str
    command: tuple[str, ...]
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    spec_params: Mapping[str, str] = field(default_factory=dict)
    keys: SpecKeys = field(default_factory=SpecKeys)
    preflight: tuple[str, ...] | None = None
    data_sources: tuple[DataSource, ...] = ()

    def keys_filled_by(self, function: str) -> tuple[str, ...]:
        """Spec keys whose ``spec_params`` function is this one, e.g. ``key`` or ``parent_model``."""
        return tuple(key for key, name in self.spec_params.items() if name == function)


@dataclass(frozen=True)
class Skill:
    """A tunable model as its folder describes it."""

    name: str
    root: Path
    automl_enabled: bool
    actions: Mapping[str, SkillAction]
    metric: Metric | None = None
    hardware: Hardware | None = None
    gpu_spec_key: str | None = None

    def action(self, name: str) -> SkillAction:
        """The action of that name.

        Raises:
            UsageError: the skill has no such action; lists those it has.
        """
        if name not in self.actions:
            raise UsageError(
                f"{self.name} has no action {name!r}",
                where=str(self.root / _INFO),
                hint=f"its actions are {', '.join(self.actions)}",
            )
        return self.actions[name]

    def schema_path(self, action: str) -> Path:
        """Where the schema of an action belongs, whether it is there or not."""
        return self.root / "schemas" / f"{action}.schema.json"

    def template_path(self, action: str) -> Path:
        """Where the complete default spec of an action belongs, whether it is there or not."""
        return self.root / "references" / f"spec_template_{action}.yaml"

    def profile_path(self, name: str) -> Path:
        """File of a named profile.

        Raises:
            UsageError: there is no such profile; lists those there are.
        """
        return self._named(name, "references", "profile_", "--profile")

    def space_path(self, name: str) -> Path:
        """File of a curated search space.

        Raises:
            UsageError: there is no such space; lists those there are.
        """
        return self._named(name, "search_spaces", "", "--space")

    def _named(self, name: str, folder: str, prefix: str, flag: str) -> Path:
        found = {
            path.stem.removeprefix(prefix): path
            for path in sorted((self.root / folder).glob(f"{prefix}*.yaml"))
        }
        if name not in found:
            known = f"there are {', '.join(found)}" if found else f"{self.root / folder} has none"
            raise UsageError(f"{self.name} has no {flag.strip('-')} {name!r}", where=flag, hint=known)
        return found[name]


def load_skill(model: str | None = None, skill_dir: Path | None = None) -> Skill:
    """Read a model's card. A missing or broken schema or template is no error here: policy tells of it.

    Args:
        model: name of an installed model; the only installed one when neither argument is given.
        skill_dir: folder of the skill; wins over ``model``.

    Raises:
        UsageError: no such model or folder.
        SchemaError: ``skill_info.yaml`` cannot be read, with all its faults.
    """
    root = skill_dir.resolve() if skill_dir else find_skill(model)
    path = root / _INFO
    if not path.is_file():
        raise UsageError(
            f"{root} is not a skill directory", where=str(path), hint="it needs references/skill_info.yaml"
        )
    return _Reader(path, read_yaml_mapping(path, SchemaError)).read(root)


def find_skill(model: str | None) -> Path:
    """Folder of an installed model's skill: inside its package (wheel) or beside it (checkout).

    Raises:
        UsageError: no model of that name, or none named and several installed; lists them.
    """
    models = {point.name: point.value for point in entry_points(group="automl.models")}
    if model is None and len(models) == 1:
        model = next(iter(models))
    if model is None or model not in models:
        found = ", ".join(sorted(models)) or "none"
        problem = f"there is no model {model!r}" if model else "which model?"
        raise UsageError(problem, where="--model", hint=f"installed: {found}; or give --skill-dir DIR")
    spec = importlib.util.find_spec(models[model])
    if spec is None or not spec.submodule_search_locations:
        raise UsageError(f"package {models[model]!r} of model {model!r} is not importable", where="--model")
    package = Path(next(iter(spec.submodule_search_locations)))
    for folder in (package / "skill", package.parent):
        if (folder / _INFO).is_file():
            return folder.resolve()
    raise UsageError(f"model {model!r} comes without {_INFO}", where=str(package), hint="reinstall the model")


def fill_command(command: tuple[str, ...], *, config_path: Path, skill_dir: Path) -> list[str]:
    """The argument list of one launch: the two placeholders replaced, nothing else touched."""
    values = {"{config_path}": str(config_path), "{skill_dir}": str(skill_dir)}
    filled = []
    for word in command:
        for placeholder, value in values.items():
            word = word.replace(placeholder, value)
        filled.append(word)
    return filled


def command_environment() -> dict[str, str]:
    """Environment of a skill's commands: ours, with our own interpreter's folder first on the path."""
    own = str(Path(sys.executable).parent)
    return {**os.environ, "PATH": own + os.pathsep + os.environ.get("PATH", "")}


class _Reader:
    """Turns one ``skill_info.yaml`` into a `Skill`, collecting its faults."""

    def __init__(self, path: Path, info: Mapping[str, Any]) -> None:
        self.path, self.info = path, info
        self.faults: list[Fault] = []

    def read(self, root: Path) -> Skill:
        actions = self.mapping(self.info, "actions")
        skill = Skill(
            name=str(self.info.get("network_arch") or self.info.get("name") or root.name),
            root=root,
            automl_enabled=self.info.get("automl_enabled") is True,
            actions={str(name): self.action(str(name), actions) for name in actions},
            metric=self.metric(),
            hardware=self.hardware(),
            gpu_spec_key=self.text(self.info, "gpu_spec_key"),
        )
        if not actions and not self.faults:
            self.fault("actions", "names no action", "describe at least actions.train.command")
        if self.faults:
            raise SchemaError(self.faults)
        return skill

    def action(self, name: str, actions: Mapping[str, Any]) -> SkillAction:
        place = f"actions.{name}"
        entry = self.mapping(actions, name, "actions")
        spec_params = {
            str(key): str(function)
            for key, function in self.mapping(
                self.mapping(self.info, "spec_params"), name, "spec_params"
            ).items()
        }
        return SkillAction(
            name=name,
            command=self.words(entry, "command", place) or (),
            inputs=self.mapping(entry, "inputs", place),
            outputs=self.mapping(entry, "outputs", place),
            spec_params=spec_params,
            keys=self.spec_keys(entry, place, spec_params),
            preflight=self.words(entry, "preflight", place),
            data_sources=self.data_sources(entry, name),
        )

    def spec_keys(self, entry: Mapping[str, Any], place: str, spec_params: Mapping[str, str]) -> SpecKeys:
        said = self.mapping(entry, "spec_keys", place)
        known = {f.name for f in fields(SpecKeys)}
        for role in sorted(set(said) - known):
            self.fault(f"{place}.spec_keys.{role}", "is not a role", f"roles are {', '.join(sorted(known))}")
        inferred = {_ROLE_OF_FUNCTION[f]: key for key, f in spec_params.items() if f in _ROLE_OF_FUNCTION}
        if self.info.get("gpu_spec_key"):
            inferred["gpus"] = str(self.info["gpu_spec_key"])
        if self.info.get("node_spec_key"):
            inferred["nodes"] = str(self.info["node_spec_key"])
        roles = {**_CUSTOMARY.named(), **inferred, **{k: v for k, v in said.items() if k in known}}
        return SpecKeys(**{role: str(key) if key else None for role, key in roles.items()})

    def data_sources(self, entry: Mapping[str, Any], action: str) -> tuple[DataSource, ...]:
        """Ours are a list of key and file under the action; TAO's are a table of keys with a path."""
        own = entry.get("data_sources")
        if isinstance(own, list):
            return tuple(
                self._own_source(item, f"actions.{action}.data_sources[{i}]") for i, item in enumerate(own)
            )
        table = self.mapping(self.mapping(self.info, "data_sources"), action, "data_sources")
        return tuple(
            DataSource(str(key), str(source["path"]) or ".")
            for key, source in table.items()
            if isinstance(source, dict) and isinstance(source.get("path"), str) and "{" not in source["path"]
        )

    def _own_source(self, item: Any, place: str) -> DataSource:
        if not (
            isinstance(item, dict) and isinstance(item.get("key"), str) and isinstance(item.get("file"), str)
        ):
            self.fault(place, f"{item!r} is not a data source", "write {key: dotted.spec.key, file: NAME}")
            return DataSource("", "")
        fallback = item.get("fallback")
        return DataSource(item["key"], item["file"], str(fallback) if fallback else None)

    def metric(self) -> Metric | None:
        entry = self.mapping(self.info, "metric")
        if not entry:
            return None
        name, direction = entry.get("name"), entry.get("direction", "maximize")
        if not isinstance(name, str) or direction not in set(Direction):
            self.fault("metric", f"{entry!r} is not a metric", "write {name: AP11, direction: maximize}")
            return None
        return Metric(name, Direction(direction))

    def hardware(self) -> Hardware | None:
        entry = self.mapping(self.info, "hardware")
        known = {f.name for f in fields(Hardware)}
        numbers: dict[str, Any] = {
            k: v
            for k, v in entry.items()
            if isinstance(v, int | float) and not isinstance(v, bool) and k in known
        }
        for key in sorted(set(entry) - set(numbers)):
            self.fault(
                f"hardware.{key}", f"{entry[key]!r} is not understood", f"numbers: {', '.join(sorted(known))}"
            )
        return Hardware(**numbers) if entry else None

    def mapping(self, parent: Mapping[str, Any], key: str, place: str = "") -> Mapping[str, Any]:
        value = parent.get(key)
        if value is None:
            return {}
        if not isinstance(value, dict):
            where = f"{place}.{key}" if place else key
            self.fault(
                where, f"holds a {type(value).__name__}, not a mapping", "write names with values below it"
            )
            return {}
        return value

    def words(self, entry: Mapping[str, Any], key: str, place: str) -> tuple[str, ...] | None:
        text = self.text(entry, key, place)
        if text is None:
            return None
        try:
            return tuple(shlex.split(text))
        except ValueError as cause:
            self.fault(f"{place}.{key}", f"{text!r} cannot be split into words: {cause}", "close the quotes")
            return None

    def text(self, entry: Mapping[str, Any], key: str, place: str = "") -> str | None:
        value = entry.get(key)
        if value is None or isinstance(value, str):
            return value
        self.fault(f"{place}.{key}" if place else key, f"holds {value!r}, not text", "write one line of text")
        return None

    def fault(self, key: str, message: str, hint: str) -> None:
        self.faults.append(Fault(message, f"{self.path}:{key}", hint))
