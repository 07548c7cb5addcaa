"""Answers for people: tables and lines on stdout, without colour when ``NO_COLOR`` is set."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from automl.planning import Plan
from automl.planning.forecast import free_bytes
from automl.report.wording import count, duration, what_ranks
from automl.simulation import SimulatedStudy
from automl.space import Parameter, SearchSpace

__all__ = ["print_plan", "print_simulations", "print_space"]

_PIPE_WIDTH = 160
_SHOWN_KEYS = 3


def print_space(space: SearchSpace) -> None:
    """The dimensions as a table, then why each other leaf is out."""
    console = _console()
    console.print(_parameter_table(space))
    if space.excluded:
        console.print(f"\nLeft out: {len(space.excluded)}")
        table = Table(box=None, show_header=False, pad_edge=False)
        for exclusion in space.excluded:
            table.add_row(exclusion.name, exclusion.reason)
        console.print(table)


def print_plan(plan: Plan) -> None:
    """What would happen, from the decision down to the numbers."""
    console = _console()
    policy, budget = plan.policy, plan.budget
    rows = {
        "Model": f"{plan.skill.name}, action {plan.action.name}, from {plan.skill.root}",
        "AutoML": f"{policy.to_json()['automl']} ({policy.reason})",
        "Will run": "a study" if plan.is_study else _plain_run(plan),
        "Data": ", ".join(sorted(set(plan.data_sources.values()))) or "as the spec says",
    }
    if plan.is_study:
        metric = plan.metric
        rows |= {
            "Metric": f"{what_ranks(metric)}, {metric.direction}" if metric else "none",
            "Algorithm": f"{plan.algorithm.name} ({plan.algorithm.reason})",
            "Budget": f"{count(budget.trials, 'trial')} of at most {count(budget.max_epochs, 'epoch')}"
            + _limits(plan),
        }
    rows |= {
        "Resources": _resources(plan),
        "Forecast": _forecast(plan),
    }
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, text in rows.items():
        table.add_row(f"[bold]{name}[/bold]", text)
    console.print(table)
    if plan.is_study:
        console.print()
        console.print(_parameter_table(plan.space))
        console.print(f"\nLeft out: {len(plan.space.excluded)}; `automl space` lists every one")
        console.print(_reason_table(plan.space))
    for warning in plan.warnings:
        console.print(f"warning: {warning}", style="yellow", markup=False)


def print_simulations(studies: Mapping[str, SimulatedStudy]) -> None:
    """One row an algorithm: how long, how well the GPUs are used, what went into starting trials."""
    table = Table(box=None, pad_edge=False)
    titles = ("algorithm", "hours", "GPUs in use", "starting", "trials", "epochs", "best after h", "ms/event")
    for title in titles:
        table.add_column(title, justify="left" if title == "algorithm" else "right")
    for name, study in studies.items():
        table.add_row(
            name,
            f"{study.makespan_s / 3600:.2f}",
            f"{study.use:.0%}",
            f"{study.startup_s / study.busy_s:.1%}" if study.busy_s else "-",
            f"{study.trials}",
            f"{study.epochs}",
            f"{study.time_to_best_s / 3600:.2f}",
            f"{1000 * study.controller_s / study.events:.2f}",
        )
    _console().print(table)


def _console() -> Console:
    """As wide as the terminal; wide enough for whole rows where there is none."""
    return Console(width=None if sys.stdout.isatty() else _PIPE_WIDTH)


def _parameter_table(space: SearchSpace) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("Parameter", "Type", "Values", "Default"):
        table.add_column(title, no_wrap=title == "Parameter", overflow="fold")
    table.add_column("Source", overflow="fold")
    for parameter in space:
        default = "null" if parameter.default is None else str(parameter.default)
        table.add_row(parameter.name, parameter.kind.value, _values(parameter), default, parameter.source)
    for tie in space.ties:
        values = f"= {tie.expression}, so {tie.low:g} .. {tie.high:g}"
        table.add_row(tie.name, "tied", values, "", tie.source)
    return table


def _reason_table(space: SearchSpace) -> Table:
    """Each reason with some of the keys that it keeps out of the search."""
    names: dict[str, list[str]] = {}
    for exclusion in space.excluded:
        names.setdefault(_kind_of_reason(exclusion.reason), []).append(exclusion.name)
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="right")
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, overflow="ellipsis")
    for reason, keys in names.items():
        table.add_row(str(len(keys)), reason, ", ".join(keys[:_SHOWN_KEYS]))
    return table


def _kind_of_reason(reason: str) -> str:
    """A reason without what is in brackets and without the block that it names, so that keys share a row."""
    return re.sub(r"^inside \S+, which", "inside a block that", reason.partition(" (")[0])


def _values(parameter: Parameter) -> str:
    if parameter.choices:
        text = ", ".join(map(str, parameter.choices))
        text += f" weighed {', '.join(map(str, parameter.weights))}" if parameter.weights else ""
    else:
        text = f"{parameter.low:g} .. {parameter.high:g}"
        text += " log" if parameter.log else ""
        text += f" step {parameter.step:g}" if parameter.step else ""
    if parameter.prior:
        text += f" around {parameter.prior.center} ({parameter.prior.confidence:.0%} of draws)"
    if parameter.condition:
        needs = parameter.condition.needs.items()
        text += " when " + " and ".join(f"{name} in {', '.join(map(str, values))}" for name, values in needs)
    return text


def _limits(plan: Plan) -> str:
    budget = plan.budget
    limits = (
        (budget.epochs, f"{budget.epochs} epochs in all"),
        (budget.time_s, duration(budget.time_s or 0)),
        (budget.gpu_hours, f"{budget.gpu_hours or 0:g} GPU-hours"),
    )
    return "".join(f", {text}" for value, text in limits if value is not None)


def _plain_run(plan: Plan) -> str:
    if plan.action.name != "train":
        return "one plain action"
    return f"one plain training of {count(plan.budget.max_epochs, 'epoch')}"


def _resources(plan: Plan) -> str:
    """What one trial holds, and how many go side by side."""
    shape = plan.resources
    gpus, cpus = shape.gpus_per_trial, shape.cpus_per_trial
    number, unit = (gpus, "GPU") if gpus else (cpus, "CPU core")
    held = f"{number:g} {unit}{'' if number == 1 else 's'}"
    nodes = f"{shape.nodes_per_trial} nodes of " if shape.nodes_per_trial > 1 else ""
    return f"{nodes}{held}" + (f" a trial, {shape.max_concurrent} side by side" if plan.is_study else "")


def _forecast(plan: Plan) -> str:
    wall, disk = plan.forecast.wall_s, plan.forecast.disk_bytes
    time = f"about {duration(wall)}" if wall is not None else "time unknown before a first study"
    space = f"about {_size(disk)} of disk" if disk is not None else "disk unknown before a first study"
    quota = f"quota {_size(plan.budget.disk_bytes)}, " if plan.budget.disk_bytes else ""
    return f"{time}, {space} ({quota}{_size(free_bytes(plan.request.results_dir))} free)"


def _size(number_of_bytes: float) -> str:
    return f"{number_of_bytes / 1e9:.1f} GB" if number_of_bytes >= 1e9 else f"{number_of_bytes / 1e6:.0f} MB"
