"""All decisions of one run as a frozen value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from automl.errors import SpecError
from automl.planning.forecast import Forecast
from automl.planning.sizing import AlgorithmChoice
from automl.policy import PolicyDecision
from automl.request import RunRequest
from automl.schema.documents import plain
from automl.schema.leaves import ActionSchema
from automl.schema.limits import Limit, find_excesses
from automl.schema.spec import apply_params
from automl.schema.ties import spec_params
from automl.search.warm_start import Past
from automl.skills import Skill, SkillAction, SpecKeys
from automl.space import SearchSpace
from automl.types import Budget, Metric, Params, Resources, Spec

__all__ = ["Plan", "SearchPlan"]

_TRIAL = "trial parameters"


@dataclass(frozen=True)
class SearchPlan:
    """All that a strategy depends on; the same one makes the same proposals from the same history.

    Attributes:
        space: closed search space.
        algorithm: which algorithm searches.
        budget: what may be spent.
        metric: what ranking uses.
        seed: seed of the search.
        concurrent: trials side by side, as planned when the study began.
        objectives: all that is improved, what ranks first; empty where that is the metric alone.
        past: an earlier study to learn from.
    """

    space: SearchSpace
    algorithm: AlgorithmChoice
    budget: Budget
    metric: Metric
    seed: int
    concurrent: int
    objectives: tuple[Metric, ...] = ()
    past: Past | None = None


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
        limits: what the model asks of every trial's spec.
        objectives: all that is improved, what ranks first; empty where that is the metric alone.
        past: the study of ``--warm-start`` in terms of this one.
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
    limits: tuple[Limit, ...] = ()
    objectives: tuple[Metric, ...] = ()
    past: Past | None = None
    forecast: Forecast = field(default_factory=Forecast)
    warnings: tuple[str, ...] = ()

    @property
    def is_study(self) -> bool:
        """Whether trials are searched; else the action runs once, plainly."""
        return self.policy.runnable

    @property
    def search(self) -> SearchPlan | None:
        """What the strategy of the study depends on; None when the action runs once, plainly."""
        if not self.is_study or self.metric is None:
            return None
        return SearchPlan(
            space=self.space,
            algorithm=self.algorithm,
            budget=self.budget,
            metric=self.metric,
            seed=self.request.seed,
            concurrent=self.resources.max_concurrent,
            objectives=self.objectives,
            past=self.past,
        )

    def trial_spec(self, params: Params) -> Spec:
        """The default spec with a trial's parameters put in, validated.

        Raises:
            SpecError: the outcome breaks the schema, or exceeds what the model can train with.
        """
        spec = apply_params(self.spec, spec_params(self.space, params), self.schema, source=_TRIAL)
        if faults := list(find_excesses(self.limits, spec, lambda name: f"{_TRIAL}:{name}")):
            raise SpecError(faults)
        return spec

    def to_json(self) -> dict[str, Any]:
        """The shape of ``automl plan --json`` (contract section 12)."""
        return {
            "model": self.skill.name,
            "action": self.action.name,
            "policy": self.policy.to_json(),
            "spec": plain(self.spec),
            "space": plain(self.space.to_json()),
            "algorithm": asdict(self.algorithm),
            "budget": asdict(self.budget),
            "resources": asdict(self.resources),
            "metric": self.metric.to_json() if self.metric else None,
            "objectives": [{"name": o.name, "direction": o.direction.value} for o in self.objectives],
            "data_sources": dict(self.data_sources),
            "forecast": asdict(self.forecast),
            "warnings": list(self.warnings),
        }
