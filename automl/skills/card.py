"""A model as its folder describes it: actions, commands, and the places of values in its specs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from automl.errors import UsageError
from automl.schema.paths import get_path
from automl.types import Metric

__all__ = ["INFO", "DataSource", "Hardware", "Skill", "SkillAction", "SpecKeys"]

INFO = Path("references") / "skill_info.yaml"
"""Where a skill directory keeps its card."""
_ABSENT = object()
_ALSO_SEARCHED = ("batch_size", "accumulation")


@dataclass(frozen=True)
class SpecKeys:
    """Dotted places of the values that the platform itself sets; None where the trainer has no such key.

    Attributes:
        diagnosis: switch of an evaluation that also says why, with pictures; on for default and winner.
        batch_size: frames of a step, halved when a trial runs out of memory; may be searched as well.
        accumulation: steps whose gradients make one update, doubled then; may be searched as well.
    """

    epochs: str | None = None
    validation_interval: str | None = None
    checkpoint_interval: str | None = None
    pretrained: str | None = None
    resume: str | None = None
    seed: str | None = None
    results_dir: str | None = None
    gpus: str | None = None
    nodes: str | None = None
    diagnosis: str | None = None
    batch_size: str | None = None
    accumulation: str | None = None

    def present_in(self, spec: Mapping[str, Any]) -> SpecKeys:
        """The same without keys that the spec does not have."""
        missing: dict[str, Any] = {
            name: None for name, key in self.named().items() if get_path(spec, key, _ABSENT) is _ABSENT
        }
        return replace(self, **missing)

    def managed(self) -> dict[str, str]:
        """Role to key, for those that no search may touch."""
        return {role: key for role, key in self.named().items() if role not in _ALSO_SEARCHED}

    def named(self) -> dict[str, str]:
        """Role to key, for the keys there are."""
        return {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None}


@dataclass(frozen=True)
class DataSource:
    """A spec key that ``--data`` fills.

    Attributes:
        file: name relative to the data root; ``.`` is the root itself.
        fallback: taken when ``file`` is not there, None when ``file`` must be.
        optional: whether the action can do without, so that the key stays as the spec has it.
    """

    key: str
    file: str
    fallback: str | None = None
    optional: bool = False


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
        probe: argument list that measures a spec before it is trained, None when there is none; its last line
            is a JSON object of numbers such as ``params_m``, ``latency_ms``, ``peak_mem_gb``.
    """

    name: str
    command: tuple[str, ...]
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    spec_params: Mapping[str, str] = field(default_factory=dict)
    keys: SpecKeys = field(default_factory=SpecKeys)
    preflight: tuple[str, ...] | None = None
    probe: tuple[str, ...] | None = None
    data_sources: tuple[DataSource, ...] = ()

    def keys_filled_by(self, function: str) -> tuple[str, ...]:
        """Spec keys whose ``spec_params`` function is this one, e.g. ``key`` or ``parent_model``."""
        return tuple(key for key, name in self.spec_params.items() if name == function)


@dataclass(frozen=True)
class Skill:
    """A tunable model as its folder describes it.

    Attributes:
        doctor: argument list of the model's own check of machine, data and evaluator; None when it has none.
        key_variable: environment variable that the trainer reads its encryption key from.
    """

    name: str
    root: Path
    automl_enabled: bool
    actions: Mapping[str, SkillAction]
    metric: Metric | None = None
    hardware: Hardware | None = None
    gpu_spec_key: str | None = None
    doctor: tuple[str, ...] | None = None
    key_variable: str | None = None

    def action(self, name: str) -> SkillAction:
        """The action of that name.

        Raises:
            UsageError: the skill has no such action; lists those it has.
        """
        if name not in self.actions:
            raise UsageError(
                f"{self.name} has no action {name!r}",
                where=str(self.root / INFO),
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
