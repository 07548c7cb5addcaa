"""Takes the decisions of a plan, in order: reads files, starts nothing heavy.

The one process it starts is the model's own check of the resolved spec.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

from automl.errors import Fault, UsageError
from automl.planning.data_sources import DATA, DataBinding, bind_data, find_missing_inputs
from automl.planning.finals import add_finals, finals_warnings
from automl.planning.forecast import Forecast, disk_warnings, forecast_study, free_bytes
from automl.planning.goals import choose_metric, parse_objectives
from automl.planning.inputs import ActionFiles, foreign_blocks, plan_space, read_files, user_layers
from automl.planning.layers import SpecLayers, parent_warnings, without_secrets
from automl.planning.llm import is_guided, plan_llm
from automl.planning.machine import look_at_machine
from automl.planning.parents import bind_parent
from automl.planning.plan import Plan
from automl.planning.preflight import Findings, run_preflight
from automl.planning.sharing import sharing_warnings
from automl.planning.sizing import (
    AlgorithmChoice,
    choose_algorithm,
    hardware_warnings,
    size_budget,
    size_resources,
)
from automl.planning.warm_start import read_past
from automl.policy import PolicyDecision, decide_policy
from automl.request import RunRequest
from automl.schema.limits import narrow_space
from automl.schema.paths import get_path
from automl.schema.space_warnings import find_space_warnings
from automl.schema.spec import LayeredSpec, apply_params, resolve_spec
from automl.schema.validation import find_unset
from automl.search.warm_start import Past
from automl.skills import Skill, SkillAction, SpecKeys, load_skill
from automl.space import SearchSpace
from automl.tracking import check_store, local_tracking_uri
from automl.types import Budget, Metric, Resources, Spec

__all__ = ["make_plan", "resolve_space"]


def make_plan(request: RunRequest) -> Plan:
    """Decide everything about a run.

    Raises:
        AutomlError: whatever makes the run impossible, with file, key and remedy; exit codes 2 and 3.
    """
    _refuse_combinations(request)
    check_store(request.tracking_uri or local_tracking_uri(request.results_dir))
    skill = load_skill(request.model, request.skill_dir)
    action = skill.action(request.action)
    files = read_files(skill, action)
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
    files = read_files(skill, action)
    if files.errors:
        raise files.errors[0]
    layered = resolve_spec(files.template, files.schema, user_layers(skill, request))
    return plan_space(request, skill, action, schema=files.schema, spec=layered.values)


def _refuse_combinations(request: RunRequest) -> None:
    faults = []
    if request.warm_start and request.algorithm == "pbt":
        message = "pbt hands on weights and learns nothing from an earlier study"
        faults.append(Fault(message, "--warm-start", "take another --algorithm"))
    if len(request.objectives) > 1 and is_guided(request.algorithm):
        message = f"{request.algorithm} asks a language model about one objective"
        faults.append(Fault(message, "--objective", "take another --algorithm, or one objective"))
    if faults:
        raise UsageError(faults)


class _Planner:
    """Takes the decisions of one plan in order; each step reads what the steps before decided."""

    def __init__(
        self,
        request: RunRequest,
        skill: Skill,
        action: SkillAction,
        files: ActionFiles,
        policy: PolicyDecision,
    ) -> None:
        self.request, self.skill, self.action, self.files, self.policy = request, skill, action, files, policy
        self.warnings: list[str] = [policy.notice] if policy.notice else []

    def plan(self) -> Plan:
        request, machine = self.request, look_at_machine()
        binding = bind_data(self.skill, self.action, request)
        layered = self.layered(binding)
        spec, keys = self.complete(layered), self.action.keys.present_in(layered.values)
        metric = choose_metric(request, self.skill, is_study=self.policy.runnable)
        budget = self.budget(self.epochs(spec, keys), keys.seed)
        resources = size_resources(
            request, machine, trials=budget.trials, spec_gpus=self.positive(spec, keys.gpus)
        )
        space = self.space(spec)
        spec, binding, findings = self.checked(spec, binding, layered)
        space = narrow_space(space, findings.limits, spec)
        algorithm = self.algorithm(budget, space, resources.max_concurrent)
        self.warnings += [*binding.warnings, *find_space_warnings(space, spec)]
        if self.action.name == "train":
            self.warnings += hardware_warnings(self.skill.hardware, machine, request)
        self.warnings += [*sharing_warnings(request), *findings.warnings]
        forecast = self.forecast(spec, budget, resources, algorithm)
        return Plan(
            request=request,
            skill=self.skill,
            action=self.action,
            keys=keys,
            policy=self.policy,
            spec=spec,
            schema=None if self.files.errors else self.files.schema,
            space=space,
            limits=findings.limits,
            algorithm=algorithm,
            budget=budget,
            resources=resources,
            metric=metric,
            objectives=parse_objectives(request) if self.policy.runnable else (),
            past=self.past(space, metric, budget),
            data_sources=binding.values,
            forecast=forecast,
            warnings=tuple(self.warnings),
        )

    def layered(self, binding: DataBinding) -> LayeredSpec:
        parent = bind_parent(self.action, self.request)
        self.warnings += parent_warnings(self.request, parent)
        is_study = self.policy.runnable
        layers = SpecLayers(self.request, self.skill, self.action, self.files, is_study)
        return layers.resolve(binding.values, parent)

    def complete(self, layered: LayeredSpec) -> Spec:
        """The spec without its secrets; an error where it lacks what the action needs."""
        spec, warnings = without_secrets(self.skill, self.action, layered.values)
        self.warnings += warnings
        unset = find_unset(spec, self.files.schema, foreign_blocks(self.skill, self.action))
        if faults := find_missing_inputs(self.action, spec, unset):
            raise UsageError(faults)
        return spec

    def budget(self, epochs: int, seed_key: str | None) -> Budget:
        budget = size_budget(self.request, epochs)
        if not self.policy.runnable:
            return replace(budget, trials=1)
        choose_algorithm(self.request.algorithm, budget)  # a wrong name is told before anything slow
        budget = add_finals(budget, self.request, seed_key=seed_key)
        self.warnings += finals_warnings(budget)
        return budget

    def algorithm(self, budget: Budget, space: SearchSpace, concurrent: int) -> AlgorithmChoice:
        if not self.policy.runnable:
            return AlgorithmChoice("none", "a plain action searches nothing")
        if is_guided(self.request.algorithm):
            self.warnings += plan_llm(self.request, os.environ).warnings
        return choose_algorithm(self.request.algorithm, budget, space=space, concurrent=concurrent)

    def forecast(
        self, spec: Spec, budget: Budget, resources: Resources, algorithm: AlgorithmChoice
    ) -> Forecast:
        place, concurrent = self.request.results_dir, resources.max_concurrent
        forecast = forecast_study(
            place, spec, budget, concurrent=concurrent, stops_early=algorithm.stops_early
        )
        self.warnings += disk_warnings(forecast, budget.disk_bytes, free_bytes(place))
        return forecast

    def past(self, space: SearchSpace, metric: Metric | None, budget: Budget) -> Past | None:
        if not self.policy.runnable or metric is None:
            return None
        found = read_past(self.request, space, metric, budget.max_epochs)
        if found is None:
            return None
        self.warnings.append(found.report)
        return found.past

    def epochs(self, spec: Spec, keys: SpecKeys) -> int:
        if keys.epochs is None:
            if self.request.max_epochs is None and self.policy.runnable:
                self.warnings.append(
                    f"{self.skill.name} does not say which key holds epochs: taken as 1 a trial"
                )
            return self.request.max_epochs or 1
        return self.positive(spec, keys.epochs)

    def positive(self, spec: Spec, key: str | None) -> int:
        """A count in the spec; 1 where there is none."""
        value = get_path(spec, key) if key else None
        return value if isinstance(value, int) and value > 0 else 1

    def space(self, spec: Spec) -> SearchSpace:
        if not self.policy.runnable:
            return SearchSpace(())
        return plan_space(self.request, self.skill, self.action, schema=self.files.schema, spec=spec)

    def checked(
        self, spec: Spec, binding: DataBinding, layered: LayeredSpec
    ) -> tuple[Spec, DataBinding, Findings]:
        """Let the model look at the spec; where it cannot use a file of ``--data``, another one stands in."""
        where = self.where(layered)
        findings = run_preflight(self.skill, self.action, spec, where)
        replaced = {
            key: reason
            for key, reason in findings.unusable.items()
            if key in binding.spares and layered.origin.get(key) == DATA
        }
        if replaced:
            binding = binding.with_spares(replaced)
            spec = apply_params(spec, {key: binding.values[key] for key in replaced})
            findings = run_preflight(self.skill, self.action, spec, where)
        if findings.error:
            raise findings.error
        self.warnings += [f"{where(key)}: {reason}" for key, reason in findings.unusable.items()]
        return spec, binding, findings

    def where(self, layered: LayeredSpec) -> Callable[[str], str]:
        template = self.skill.template_path(self.action.name)
        return lambda key: f"{layered.origin.get(key, template)}:{key}"
