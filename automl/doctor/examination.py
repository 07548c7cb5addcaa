"""All checks, in the order in which a first user meets them."""

from __future__ import annotations

from collections.abc import Iterator

from automl.doctor.check import Check
from automl.doctor.machine import check_disk, check_gpus, check_memory, check_packages, check_python
from automl.doctor.model import check_data, check_schemas, examine_model, resolve_default_spec
from automl.doctor.services import check_mlflow, check_ray
from automl.planning.forecast import forecast_study
from automl.planning.inputs import read_files
from automl.planning.machine import Machine, look_at_machine
from automl.planning.sizing import choose_algorithm, size_budget, size_resources
from automl.request import RunRequest
from automl.schema.paths import get_path
from automl.skills import SkillAction, load_skill
from automl.types import Spec

__all__ = ["examine"]


def examine(request: RunRequest) -> Iterator[Check]:
    """Look at everything that a study with these flags would need, without starting one.

    Checks come one by one, since the model's own take up to minutes.

    Raises:
        AutomlError: no such model or action, or flags that no study could have.
    """
    skill = load_skill(request.model, request.skill_dir)
    action, machine = skill.action(request.action), look_at_machine()
    yield check_python()
    yield check_packages()
    if request.ray_address is None:
        yield check_gpus(machine, skill.hardware)
    yield check_ray(request.ray_address)
    yield check_mlflow(request.tracking_uri, request.results_dir)
    yield check_schemas(skill, read_files(skill, action), action.name)
    data, sources = check_data(skill, action, request)
    yield data
    checked, spec = resolve_default_spec(skill, action, request, sources)
    yield checked
    yield from _check_room(request, action, machine, spec or {})
    if spec is not None:
        yield from examine_model(skill, spec)


def _check_room(request: RunRequest, action: SkillAction, machine: Machine, spec: Spec) -> Iterator[Check]:
    """Memory for the trials side by side, and disk for all of them."""
    epochs = get_path(spec, action.keys.epochs or "", None)
    budget = size_budget(request, request.max_epochs or (epochs if isinstance(epochs, int) else 1))
    resources = size_resources(request, machine, trials=budget.trials, spec_gpus=1)
    if request.ray_address is None:
        yield check_memory(resources.max_concurrent)
    forecast = forecast_study(
        request.results_dir,
        spec,
        budget,
        concurrent=resources.max_concurrent,
        stops_early=choose_algorithm(request.algorithm, budget).stops_early,
    )
    yield check_disk(request.results_dir, forecast.disk_bytes)
