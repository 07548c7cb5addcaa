"""How a plan's trainers are started, and the specs they read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from automl.errors import EnvironmentUnusableError
from automl.planning import Plan
from automl.ports import JobFactory
from automl.schema.paths import get_path, with_path
from automl.skills import SkillAction
from automl.trials.folder import TrialFolder
from automl.trials.probing import ProbedRecipe
from automl.trials.run_trial import TrainerRecipe
from automl.types import Spec, TrialRecord

__all__ = ["halve_batch", "make_launchable", "make_recipe", "make_trial_spec", "probe_first", "put_values"]


def make_recipe(plan: Plan, action: SkillAction) -> TrainerRecipe:
    """How the trainer of an action is started, and gone on with."""
    metric = plan.metric.name if plan.metric else ""
    resume = {*action.keys_filled_by("resume_model"), *filter(None, [action.keys.resume])}
    return TrainerRecipe(
        action.command,
        plan.skill.root,
        metric,
        plan.resources.cpus_per_trial,
        resume_keys=tuple(sorted(resume)),
    )


def make_launchable(plan: Plan) -> TrainerRecipe:
    """How the trainer of a plan is started, once it is known that it can be.

    Raises:
        EnvironmentUnusableError: its program is not there.
    """
    recipe = make_recipe(plan, plan.action)
    if recipe.find_program() is None:
        raise EnvironmentUnusableError(
            f"{recipe.command[0]!r} is not on the path",
            where=str(plan.skill.root / "references" / "skill_info.yaml"),
            hint="install the model's own requirements",
        )
    return recipe


def probe_first(plan: Plan, recipe: TrainerRecipe) -> JobFactory:
    """The recipe, with the model's probe before each training where limits or objectives may need it."""
    is_limited = plan.metric is not None and bool(plan.metric.constraints)
    is_asked_for = plan.is_study and (is_limited or len(plan.objectives) > 1)
    return ProbedRecipe(recipe, plan.action.probe) if plan.action.probe and is_asked_for else recipe


def make_trial_spec(plan: Plan, record: TrialRecord, folder: TrialFolder) -> Spec:
    """A trial's whole spec.

    ``--seed`` moves the training's own seed, alike for all trials of a study; a repeat moves it further.
    """
    own: dict[Any, Any] = {**record.changes, plan.keys.results_dir: str(folder.root)}
    if plan.keys.seed and isinstance(seed := get_path(plan.spec, plan.keys.seed), int):
        own[plan.keys.seed] = seed + plan.request.seed + record.seed
    return put_values(plan.trial_spec(record.params), own)


def halve_batch(plan: Plan, record: TrialRecord) -> Mapping[str, Any] | None:
    """Half the frames in memory, twice the steps an update: as good as the same training.

    None where the model does not say which keys hold the two, where there is nothing to halve, or where the
    trial had finished an epoch, so that something else than the batch is too large.
    """
    keys = plan.keys
    if not (keys.batch_size and keys.accumulation) or record.epochs > record.first_epoch:
        return None
    spec = put_values(plan.trial_spec(record.params), record.changes)
    batch, steps = get_path(spec, keys.batch_size), get_path(spec, keys.accumulation) or 1
    if not isinstance(batch, int) or not isinstance(steps, int) or batch < 2:
        return None
    half = batch // 2
    return {keys.batch_size: half, keys.accumulation: max(1, round(batch * steps / half))}


def put_values(spec: Spec, values: Mapping[Any, Any]) -> Spec:
    """The spec with values at dotted places; a place that the model does not have is None."""
    for key, value in values.items():
        if key is not None:
            spec = with_path(spec, key, value)
    return spec
