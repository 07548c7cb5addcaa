"""What ``run`` would do, decided completely before anything is started: reads files, starts nothing heavy.

The one process it starts is the model's own check of the resolved spec.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from automl.data_sources import bind_data, find_missing_sources
from automl.errors import AutomlError, SchemaError, UsageError
from automl.forecast import Forecast, forecast_study
from automl.machine import look_at_machine
from automl.parents import bind_parent
from automl.policy import PolicyDecision, decide_policy
from automl.preflight import run_preflight
from automl.request import RunRequest
from automl.schema.documents import plain, read_yaml_mapping
from automl.schema.leaves import ActionSchema
from automl.schema.loader import load_schema, schema_of_template
from automl.schema.paths import get_path
from automl.schema.space import build_space
from automl.schema.space_files import SpaceRequest, directives_of_flags, read_space_file
from automl.schema.spec import (
    Layer,
    LayeredSpec,
    apply_params,
    layer_of_file,
    layer_of_overrides,
    merge_layers,
    resolve_spec,
)
from automl.sizing import (
    AlgorithmChoice,
    choose_algorithm,
    hardware_warnings,
    size_budget,
    size_resources,
)
from automl.skills import Skill, SkillAction, SpecKeys, load_skill
from automl.space import SearchSpace
from automl.types import Budget, Direction, Metric, Params, Resources, Spec

__all__ = ["Plan", "RunRequest", "make_plan", "resolve_space"]

_DEFAULT_SPACE = "default"
_NOT_YET = {
    "objectives": "--objective",
    "constraints": "--constraint",
    "warm_start": "--warm-start",
    "seeds": "--seeds",
    "confirm_top": "--confirm-top",
}


@dataclass(frozen=True)
class Plan:
    """All decisions of one run.

    Attributes:
        keys: places of the values that the platform sets, as far as this spec has them.
        spec: resolved default spec; keys that hold secrets are empty.
        schema: what the spec is held against; None when the action has none that can be read.
        space: closed search space; without parameters unless a study runs.
        metric: what ranking uses; None for a plain action of a model that names none.
        data_sources: spec key to path or URI, as filled from ``--data``.
    """

    request: RunRequest
    skill: Skill
    action: SkillAction
    keys: SpecKeys
    policy: PolicyDecision
    spec: Spec
    schema: ActionSchema | None
    space: SearchSpace
    algorithm: AlgorithmChoice
    budget: Budget
    resources: Resources
    metric: Metric | None
    data_sources: Mapping[str, str]
    forecast: Forecast = field(default_factory=Forecast)
    warnings: tuple[str, ...] = ()

    @property
    def is_study(self) -> bool:
        """Whether trials are searched; else the action runs once, plainly."""
        return self.policy.runnable

    def trial_spec(self, params: Params) -> Spec:
        """The default spec with a trial's parameters put in, validated.

        Raises:
            SpecError: the outcome breaks the schema.
        """
        return apply_params(self.spec, params, self.schema)

    def to_json(self) -> dict[str, Any]:
        """The shape of ``automl plan --json`` (contract section 12)."""
        budget = self.budget
        return {
            "model": self.skill.name,
            "action": self.action.name,
            "policy": self.policy.to_json(),
            "spec": plain(self.spec),
            "space": plain(self.space.to_json()),
            "algorithm": asdict(self.algorithm),
            "budget": {
                "trials": budget.trials,
                "max_epochs": budget.max_epochs,
                "epochs": budget.epochs,
                "time_s": budget.time_s,
                "gpu_hours": budget.gpu_hours,
            },
            "resources": asdict(self.resources),
            "metric": asdict(self.metric) if self.metric else None,
            "data_sources": dict(self.data_sources),
            "forecast": asdict(self.forecast),
            "warnings": list(self.warnings),
        }


def make_plan(request: RunRequest) -> Plan:
    """Decide everything about a run.

    Raises:
        AutomlError: whatever makes the run impossible, with file, key and remedy; exit codes 2 and 3.
    """
    _refuse_unavailable(request)
    skill = load_skill(request.model, request.skill_dir)
    action = skill.action(request.action)
    files = _read_files(skill, action)
    policy = decide_policy(
        action=action.name,
        explicit=request.policy,
        request=request.request,
        automl_enabled=skill.automl_enabled,
        unreadable=files.errors,
        model=skill.name,
    )
    return _Planner(request, skill, action, files, policy).plan()


def resolve_space(request: RunRequest) -> SearchSpace:
    """The search space of an action alone: no data, no check by the model, whatever the policy.

    Raises:
        AutomlError: schema, template, spec layers or space cannot be used; all faults of a file at once.
    """
    skill = load_skill(request.model, request.skill_dir)
    action = skill.action(request.action)
    files = _read_files(skill, action)
    if files.errors:
        raise files.errors[0]
    layered = resolve_spec(files.template, files.schema, _user_layers(skill, request))
    keys = action.keys.present_in(layered.values)
    return _build_space(request, skill, action, keys, files.schema, layered.values)


@dataclass(frozen=True)
class _Files:
    """Schema and template of an action, as far as they can be read, and what is wrong with them."""

    schema: ActionSchema
    template: Mapping[str, Any]
    errors: tuple[AutomlError, ...]
    is_free: bool = False


def _read_files(skill: Skill, action: SkillAction) -> _Files:
    errors: list[AutomlError] = []
    schema: ActionSchema | None = None
    template: Mapping[str, Any] | None = None
    try:
        schema = load_schema(skill.schema_path(action.name))
    except SchemaError as error:
        errors.append(error)
    path = skill.template_path(action.name)
    try:
        template = read_yaml_mapping(path, SchemaError)
    except SchemaError as error:
        errors.append(error)
    known = template if template is not None else schema.default if schema else {}
    is_free = not known and schema is None
    return _Files(schema or schema_of_template(path, known), known, tuple(errors), is_free)


def _user_layers(skill: Skill, request: RunRequest) -> list[Layer]:
    layers = [layer_of_file(skill.profile_path(request.profile))] if request.profile else []
    if request.spec:
        layers.append(layer_of_file(request.spec))
    return [*layers, layer_of_overrides(request.overrides)]


def _build_space(
    request: RunRequest, skill: Skill, action: SkillAction, keys: SpecKeys, schema: ActionSchema, spec: Spec
) -> SearchSpace:
    curated = _curated_space(skill, request.space)
    managed = {key: f"the platform ({role.replace('_', ' ')})" for role, key in keys.named().items()}
    managed |= {source.key: "--data" for source in action.data_sources}
    managed |= dict.fromkeys(action.spec_params, "the job")
    wishes = replace(
        curated,
        directives=curated.directives + directives_of_flags(request.params),
        drops={**_still_dropped(curated, request), **dict.fromkeys(request.drops, "--drop")},
        allow_disabled=request.allow_disabled,
        close_around_default=request.open_bounds == "around-default",
        managed=managed,
        foreign=frozenset(skill.actions) - {action.name},
    )
    return build_space(schema, spec, wishes)


def _still_dropped(curated: SpaceRequest, request: RunRequest) -> dict[str, str]:
    """What a file drops, without what a flag asks for by name."""
    asked = {text.partition("=")[0].strip() for text in request.params}
    return {name: source for name, source in curated.drops.items() if name not in asked}


def _curated_space(skill: Skill, wanted: str | None) -> SpaceRequest:
    if wanted is None:
        default = skill.root / "search_spaces" / f"{_DEFAULT_SPACE}.yaml"
        return read_space_file(default) if default.is_file() else SpaceRequest()
    path = Path(wanted)
    is_file = path.suffix in (".yaml", ".yml") or len(path.parts) > 1
    if is_file and not path.is_file():
        raise UsageError("there is no such file", where=f"--space:{wanted}", hint="give a file or a name")
    return read_space_file(path.resolve() if is_file else skill.space_path(wanted))


def _refuse_unavailable(request: RunRequest) -> None:
    for name, flag in _NOT_YET.items():
        if getattr(request, name):
            raise UsageError(f"{flag} is not available yet", where=flag, hint="leave it out")


class _Planner:
    """Takes the decisions of one plan in order; each step reads what the steps before decided."""

    def __init__(
        self, request: RunRequest, skill: Skill, action: SkillAction, files: _Files, policy: PolicyDecision
    ) -> None:
        self.request, self.skill, self.action, self.files, self.policy = request, skill, action, files, policy
        self.warnings: list[str] = [policy.notice] if policy.notice else []

    def plan(self) -> Plan:
        request, machine = self.request, look_at_machine()
        binding = bind_data(self.skill, self.action, request)
        self.warnings += binding.warnings
        layered = self.layered({**binding.values, **bind_parent(self.action, request)})
        spec, keys = self.without_secrets(layered), self.action.keys.present_in(layered.values)
        if faults := find_missing_sources(self.action, spec):
            raise UsageError(faults)
        metric = self.metric()
        budget = size_budget(request, self.epochs(spec, keys))
        if not self.policy.runnable:
            budget = replace(budget, trials=1)
        algorithm = choose_algorithm(request.algorithm, budget)
        if not self.policy.runnable:
            algorithm = AlgorithmChoice("none", "a plain action searches nothing")
        spec_gpus = get_path(spec, keys.gpus, 1) if keys.gpus else 1
        resources = size_resources(
            request, machine, trials=budget.trials, spec_gpus=spec_gpus if isinstance(spec_gpus, int) else 1
        )
        space = self.space(keys, spec)
        if self.action.name == "train":
            self.warnings += hardware_warnings(self.skill.hardware, machine, request)
        self.warnings += run_preflight(self.skill, self.action, spec, self.where(layered))
        forecast = forecast_study(
            request.results_dir,
            spec,
            budget,
            concurrent=resources.max_concurrent,
            stops_early=algorithm.name == "asha",
        )
        return Plan(
            request=request,
            skill=self.skill,
            action=self.action,
            keys=keys,
            policy=self.policy,
            spec=spec,
            schema=None if self.files.errors else self.files.schema,
            space=space,
            algorithm=algorithm,
            budget=budget,
            resources=resources,
            metric=metric,
            data_sources=binding.values,
            forecast=forecast,
            warnings=tuple(self.warnings),
        )

    def layered(self, bound: Mapping[str, str]) -> LayeredSpec:
        """The user's layers, then data and what the platform sets, where the user said nothing else."""
        layers = _user_layers(self.skill, self.request)
        if self.files.is_free:
            if not self.request.spec:
                hint = f"give the whole spec with --spec FILE, or generate {self.files.schema.path}"
                raise UsageError(f"{self.action.name} has no spec template", where="--spec", hint=hint)
            return merge_layers(layers)
        said = resolve_spec(self.files.template, self.files.schema, layers)
        user = {
            name
            for name, source in said.origin.items()
            if not source.endswith(f"profile_{self.request.profile}.yaml")
        }
        data = Layer("--data", {key: value for key, value in bound.items() if key not in user})
        return resolve_spec(
            self.files.template, self.files.schema, [*layers, data, self.platform_layer(said, user)]
        )

    def platform_layer(self, said: LayeredSpec, user: set[str]) -> Layer:
        """Epochs and shape from flags; a study validates and saves every epoch unless told otherwise."""
        request, keys = self.request, self.action.keys.present_in(said.values)
        wanted: dict[str | None, Any] = {keys.epochs: request.max_epochs, keys.nodes: request.nodes_per_trial}
        if request.gpus_per_trial and request.gpus_per_trial >= 1:
            wanted[keys.gpus] = int(request.gpus_per_trial)
        values = {key: value for key, value in wanted.items() if key and value is not None}
        if self.policy.runnable:
            intervals = (keys.validation_interval, keys.checkpoint_interval)
            values |= {key: 1 for key in intervals if key and key not in user}
        return Layer("flags", values)

    def without_secrets(self, layered: LayeredSpec) -> Spec:
        """Secrets come from the environment of the trainer; a spec on disk never holds one."""
        spec: Spec = layered.values
        for key in self.action.keys_filled_by("key"):
            if get_path(spec, key):
                self.warnings.append(f"{key} is not written into specs: give it in the trainer's environment")
                spec = apply_params(spec, {key: ""})
        return spec

    def metric(self) -> Metric | None:
        request, known = self.request, self.skill.metric
        name = request.metric or (known.name if known else None)
        direction = request.direction
        if direction is None and known and name == known.name:
            direction = known.direction.value
        if name and direction:
            return Metric(name, Direction(direction))
        if not self.policy.runnable:
            return None
        missing = "--metric and --direction" if name is None else "--direction"
        raise UsageError(
            f"{self.skill.name} does not say what to rank by", where=missing, hint=f"give {missing}"
        )

    def epochs(self, spec: Spec, keys: SpecKeys) -> int:
        if keys.epochs is None:
            if self.request.max_epochs is None and self.policy.runnable:
                self.warnings.append(
                    f"{self.skill.name} does not say which key holds epochs: taken as 1 a trial"
                )
            return self.request.max_epochs or 1
        value = get_path(spec, keys.epochs)
        return value if isinstance(value, int) and value > 0 else 1

    def space(self, keys: SpecKeys, spec: Spec) -> SearchSpace:
        if not self.policy.runnable:
            return SearchSpace(())
        space = _build_space(self.request, self.skill, self.action, keys, self.files.schema, spec)
        for parameter in space:
            if not parameter.contains(parameter.default) and parameter.condition is None:
                self.warnings.append(
                    f"{parameter.name}: the default {parameter.default!r} lies outside its range"
                )
            if "--allow-disabled" in parameter.source:
                self.warnings.append(f"{parameter.name} is searched although the schema disables it")
        return space

    def where(self, layered: LayeredSpec) -> Callable[[str], str]:
        template = self.skill.template_path(self.action.name)
        return lambda key: f"{layered.origin.get(key, template)}:{key}"
