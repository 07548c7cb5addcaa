"""``automl plan --simulate``: the planned study on a cluster that is not there, by each algorithm in turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from automl.app.strategy import make_strategy
from automl.errors import UsageError
from automl.planning import Plan, make_plan
from automl.planning.sizing import choose_algorithm
from automl.request import RunRequest
from automl.simulation import ClusterShape, Landscape, SimulatedStudy, TrialTimes, measure_times, simulate

__all__ = ["SimulationRequest", "simulate_plan"]

_JOINED = "auto"


@dataclass(frozen=True)
class SimulationRequest:
    """What to simulate a plan on.

    Attributes:
        shape: the cluster.
        compared: algorithms beside the planned one, by name.
        epoch_s: seconds an epoch; None takes the median of past studies.
        startup_s: seconds from resources to the first step; None likewise.
    """

    shape: ClusterShape
    compared: Sequence[str] = ()
    epoch_s: float | None = None
    startup_s: float | None = None


def simulate_plan(request: RunRequest, wanted: SimulationRequest) -> Iterator[tuple[str, SimulatedStudy]]:
    """Algorithm and what the study would take by it, the planned one first.

    ``auto`` is what it would be with as many trials at once as the cluster holds. The landscape is made up,
    so only what an algorithm costs can be compared, not what it finds on real data.

    Raises:
        UsageError: no study is planned, a trial does not fit, there is no such algorithm, or nothing says how
            long an epoch takes.
        AutomlError: the plan cannot be made.
    """
    plan = make_plan(replace(request, ray_address=request.ray_address or _JOINED))
    search = plan.search
    if search is None:
        raise UsageError("only a study can be simulated", where="--simulate", hint="turn the policy on")
    times = _times(plan, wanted)
    times = replace(times, worker_s=times.worker_s / wanted.shape.nodes)  # each node starts its own
    slots = min(wanted.shape.slots(plan.resources), request.max_concurrent or wanted.shape.gpus)
    landscape = Landscape(search.space, search.metric, search.seed)
    names = (request.algorithm, *wanted.compared)
    choices = [choose_algorithm(n, search.budget, space=search.space, concurrent=slots) for n in names]
    for name, choice in {choice.name: choice for choice in choices}.items():
        strategy = make_strategy(replace(search, algorithm=choice, concurrent=slots))
        yield name, simulate(strategy, landscape, times, slots=slots, budget=search.budget)


def _times(plan: Plan, wanted: SimulationRequest) -> TrialTimes:
    """What was said; what was not said, as past studies of the model took."""
    if wanted.epoch_s is not None:
        return TrialTimes(wanted.startup_s or 0.0, wanted.epoch_s)
    measured = measure_times(plan.request.results_dir, plan.skill.name)
    if measured is None:
        raise UsageError(
            f"no past study of {plan.skill.name} says how long an epoch takes",
            where=f"{plan.request.results_dir}",
            hint="say it: --epoch-seconds 300 --startup-seconds 30",
        )
    return measured if wanted.startup_s is None else replace(measured, startup_s=wanted.startup_s)
