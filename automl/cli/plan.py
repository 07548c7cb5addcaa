"""``automl plan``: what ``run`` would do, without doing it."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from automl.cli.options import RUN_OPTIONS, takes_part_of_request
from automl.request import RunRequest

__all__ = ["command"]

_PANEL = "Simulation"


def _option(kind: Any, name: str, text: str) -> Any:
    return Annotated[kind, typer.Option(name, help=text, rich_help_panel=_PANEL, show_default=False)]


_SIMULATION = {
    "simulate": _option(bool | None, "--simulate", "Play the study through on a cluster that is not there."),
    "nodes": _option(int | None, "--nodes", "Nodes of that cluster (1)."),
    "gpus_per_node": _option(int | None, "--gpus-per-node", "GPUs of each node (8)."),
    "epoch_seconds": _option(float | None, "--epoch-seconds", "One epoch; default from past studies."),
    "startup_seconds": _option(float | None, "--startup-seconds", "Start of a trial; default likewise."),
    "compare": _option(
        list[str] | None, "--compare", "Another algorithm beside the planned one; repeatable."
    ),
}


@takes_part_of_request(RUN_OPTIONS, _SIMULATION)
def command(request: RunRequest, *, simulate: bool | None, **simulation: Any) -> None:
    r"""Show what run would do, without doing it: policy, spec, search space, budget, forecast.

    \b
    Examples:
      automl plan --model bevfusion --data ./kitti --trials 20
      automl plan --data ./kitti --simulate --nodes 64 --gpus-per-node 8 --compare asha --compare random
    """
    if simulate:
        _simulate(request, **simulation)
        return
    from automl.cli.rendering import print_plan
    from automl.planning import make_plan

    plan = make_plan(request)
    if request.as_json:
        print(json.dumps(plan.to_json(), indent=2, allow_nan=False))
    else:
        print_plan(plan)


def _simulate(
    request: RunRequest,
    *,
    nodes: int | None,
    gpus_per_node: int | None,
    epoch_seconds: float | None,
    startup_seconds: float | None,
    compare: list[str] | None,
) -> None:
    from automl.app.simulation import SimulationRequest, simulate_plan
    from automl.cli.rendering import print_simulations
    from automl.simulation import ClusterShape

    shape = ClusterShape(nodes or 1, gpus_per_node or 8)
    wanted = SimulationRequest(shape, tuple(compare or ()), epoch_seconds, startup_seconds)
    studies = dict(simulate_plan(request, wanted))
    if request.as_json:
        print(json.dumps({name: study.to_json() for name, study in studies.items()}, allow_nan=False))
    else:
        print_simulations(studies)
