"""Reads ``skill_info.yaml`` into a `Skill`: what it does not say is None, what is wrong is told at once."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from automl.errors import Fault, SchemaError
from automl.schema.documents import read_yaml_mapping
from automl.skills.card import INFO, DataSource, Hardware, Skill, SkillAction, SpecKeys
from automl.types import Direction, Metric

__all__ = ["read_skill"]

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


def read_skill(root: Path) -> Skill:
    """The card of a skill directory.

    Raises:
        SchemaError: the card cannot be read, or what it says is not understood; all faults at once.
    """
    path = root / INFO
    return _Reader(path, read_yaml_mapping(path, SchemaError)).read(root)


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
            key_variable=self.text(self.info, "key_variable"),
            doctor=self.words(self.info, "doctor"),
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
            probe=self.words(entry, "probe", place),
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
        return DataSource(
            item["key"],
            item["file"],
            str(fallback) if fallback else None,
            optional=bool(item.get("optional")),
        )

    def metric(self) -> Metric | None:
        entry = self.mapping(self.info, "metric")
        if not entry:
            return None
        name, direction = entry.get("name"), entry.get("direction", "maximize")
        if not isinstance(name, str) or direction not in list(Direction):
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

    def words(self, entry: Mapping[str, Any], key: str, place: str = "") -> tuple[str, ...] | None:
        text = self.text(entry, key, place)
        if text is None:
            return None
        try:
            return tuple(shlex.split(text))
        except ValueError as cause:
            where = f"{place}.{key}" if place else key
            self.fault(where, f"{text!r} cannot be split into words: {cause}", "close the quotes")
            return None

    def text(self, entry: Mapping[str, Any], key: str, place: str = "") -> str | None:
        value = entry.get(key)
        if value is None or isinstance(value, str):
            return value
        self.fault(f"{place}.{key}" if place else key, f"holds {value!r}, not text", "write one line of text")
        return None

    def fault(self, key: str, message: str, hint: str) -> None:
        self.faults.append(Fault(message, f"{self.path}:{key}", hint))
