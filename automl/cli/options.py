"""The flags that ``run`` and ``plan`` share, and the ``--config`` file that may hold them."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from automl.cli.studies import fetch_models, find_results
from automl.errors import Fault, UsageError
from automl.request import RunRequest, parse_duration, parse_size
from automl.search.catalogue import ALGORITHMS, GUIDED_ALGORITHMS

__all__ = ["RUN_OPTIONS", "build_request", "takes_part_of_request", "takes_request"]

_MODEL, _SPEC, _POLICY, _SEARCH, _SHAPE, _TRACK = (
    "Model and data",
    "Spec",
    "Policy",
    "Search",
    "Shape of a trial",
    "Records and output",
)


def _flag(kind: Any, name: str, text: str, panel: str) -> Any:
    return Annotated[kind, typer.Option(name, help=text, rich_help_panel=panel, show_default=False)]


def _text(name: str, text: str, panel: str) -> Any:
    return _flag(str | None, name, text, panel)


def _many(name: str, text: str, panel: str) -> Any:
    return _flag(list[str] | None, name, text, panel)


def _count(name: str, text: str, panel: str) -> Any:
    return _flag(int | None, name, text, panel)


def _number(name: str, text: str, panel: str) -> Any:
    return _flag(float | None, name, text, panel)


def _path(name: str, text: str, panel: str) -> Any:
    return _flag(Path | None, name, text, panel)


def _switch(name: str, text: str, panel: str) -> Any:
    return _flag(bool | None, name, text, panel)


def _algorithms() -> str:
    """A line for each algorithm: what it is, and when to take it."""
    return "\n\n".join(
        f"{name}: {entry.summary}." for name, entry in {**ALGORITHMS, **GUIDED_ALGORITHMS}.items()
    )


# Argument name -> option. Names equal the fields of RunRequest except where `build_request` translates.
RUN_OPTIONS: Mapping[str, Any] = {
    "model": _text("--model", "Installed model (bevfusion).", _MODEL),
    "skill_dir": _path("--skill-dir", "Folder that makes any model tunable.", _MODEL),
    "action": _text("--action", "train (default), dataset_convert, evaluate, inference.", _MODEL),
    "data": _text("--data", "Data root; fills every data source key of the action.", _MODEL),
    "parent_job_id": _text("--parent-job-id", "Job whose model this action starts from.", _MODEL),
    "convert_job_id": _text("--convert-job-id", "The dataset_convert job to read from.", _MODEL),
    "spec": _path("--spec", "Spec file over template and profile.", _SPEC),
    "profile": _text("--profile", "Named overrides that come with the model.", _SPEC),
    "overrides": _many("--set", "key=value over all files; repeatable.", _SPEC),
    "policy": _text("--policy", "on or off: AutoML of this run.", _POLICY),
    "no_automl": _switch("--no-automl", "The same as --policy off.", _POLICY),
    "request": _text("--request", 'Your words; "plain training", "no HPO" turn AutoML off.', _POLICY),
    "algorithm": _text("--algorithm", _algorithms(), _SEARCH),
    "trials": _count("--trials", "Number of trials, the default spec included.", _SEARCH),
    "max_epochs": _count("--max-epochs", "Epochs of one trial.", _SEARCH),
    "budget_epochs": _count("--budget-epochs", "Epochs of all trials together.", _SEARCH),
    "time_budget": _text("--time-budget", "Wall time of the study: 90s, 45m, 2h.", _SEARCH),
    "gpu_hours": _number("--gpu-hours", "GPUs held times hours, over all trials.", _SEARCH),
    "metric": _text("--metric", "What ranking uses; default from the model.", _SEARCH),
    "direction": _text("--direction", "maximize or minimize.", _SEARCH),
    "rank_by": _text("--rank-by", "Epochs that stand for a trial: best (default), last, mean:K.", _SEARCH),
    "objectives": _many("--objective", "NAME:direction; repeatable.", _SEARCH),
    "constraints": _many("--constraint", 'Limit such as "latency_ms<=50"; repeatable.', _SEARCH),
    "space": _text("--space", "Curated search space: a name or a file.", _SEARCH),
    "params": _many("--param", "key=low:high[:log], key=a,b,c, key=tie:formula; repeatable.", _SEARCH),
    "drops": _many("--drop", "Leave a parameter out; repeatable.", _SEARCH),
    "allow_disabled": _many("--allow-disabled", "Search a parameter the schema disables.", _SEARCH),
    "open_bounds": _text("--open-bounds", "refuse (default) or around-default.", _SEARCH),
    "warm_start": _text("--warm-start", "Learn from an earlier study.", _SEARCH),
    "llm_tokens": _count("--llm-tokens", "Most tokens that a language model may take.", _SEARCH),
    "llm_cost": _number("--llm-cost", "Most that a language model may cost.", _SEARCH),
    "on_llm_failure": _text("--on-llm-failure", "auto (default) or stop: when it has no answer.", _SEARCH),
    "seeds": _count("--seeds", "Fresh-seed repeats of each finalist.", _SEARCH),
    "confirm_top": _count("--confirm-top", "Number of finalists to repeat.", _SEARCH),
    "disk_quota": _text("--disk-quota", "What the study's folder may take: 20GB.", _SEARCH),
    "stall_timeout": _text("--stall-timeout", "How long a trainer may say nothing: 2h.", _SEARCH),
    "seed": _count("--seed", "Seed of the search (0).", _SEARCH),
    "gpus_per_trial": _number("--gpus-per-trial", "GPUs of one trial and node.", _SHAPE),
    "nodes_per_trial": _count("--nodes-per-trial", "Nodes of one trial.", _SHAPE),
    "cpus_per_trial": _number("--cpus-per-trial", "CPU cores of one trial.", _SHAPE),
    "max_concurrent": _count("--max-concurrent", "Trials side by side.", _SHAPE),
    "ray_address": _text("--ray-address", "Join a running Ray cluster.", _SHAPE),
    "tracking_uri": _text("--tracking-uri", "MLflow store; default inside the results folder.", _TRACK),
    "experiment": _text("--experiment", "MLflow experiment.", _TRACK),
    "results_dir": _text(
        "--results-dir", "Where studies and jobs go: a folder (results), or s3://...", _TRACK
    ),
    "study_id": _text("--study-id", "Name of the study; an interrupted one of that name goes on.", _TRACK),
    "config": _path("--config", "YAML file with any of these flags; flags win.", _TRACK),
    "as_json": _switch("--json", "One JSON document on stdout, nothing else.", _TRACK),
    "quiet": _switch("--quiet", "Warnings and errors only.", _TRACK),
    "assume_yes": _switch("--yes", "Ask nothing.", _TRACK),
}


def takes_request(command: Callable[[RunRequest], int | None]) -> Callable[..., int | None]:
    """Give a command all flags of `RUN_OPTIONS`; it receives them as one `RunRequest`.

    The returned function is what Typer registers; its signature is made from the table.
    """
    return takes_part_of_request(RUN_OPTIONS, {})(command)


def takes_part_of_request(
    names: Iterable[str], extra: Mapping[str, Any]
) -> Callable[[Callable[..., int | None]], Callable[..., int | None]]:
    """Give a command some flags of `RUN_OPTIONS`, as a `RunRequest`, and flags of its own, as keywords.

    Args:
        names: keys of `RUN_OPTIONS`.
        extra: argument name to annotated type, as in `RUN_OPTIONS`.
    """
    shared = {name: RUN_OPTIONS[name] for name in names}

    def decorate(command: Callable[..., int | None]) -> Callable[..., int | None]:
        @functools.wraps(command)
        def wrapper(**given: Any) -> int | None:
            own = {name: given.pop(name) for name in extra}
            return command(build_request(given), **own)

        annotations = {**shared, **extra}
        wrapper.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
                for name, annotation in annotations.items()
            ]
        )
        wrapper.__annotations__ = annotations
        return wrapper

    return decorate


def build_request(given: Mapping[str, Any]) -> RunRequest:
    """Join flags and the ``--config`` file into a request; a flag that was given wins.

    Args:
        given: option name (as in `RUN_OPTIONS`) to value; None or an empty list means "not given".

    Raises:
        UsageError: unknown key or wrong type in the file, a choice or duration that is none, contradictions.
    """
    said = {name: value for name, value in given.items() if value is not None and value != []}
    config = said.pop("config", None)
    joined = {**(_read_config(config) if config else {}), **said}
    if joined.pop("no_automl", False):
        if joined.get("policy", "off") != "off":
            raise UsageError("--no-automl contradicts --policy on", hint="give one of the two")
        joined["policy"] = "off"
    if "results_dir" in joined:
        joined["results_dir"] = find_results(joined["results_dir"])
        if "parent_job_id" in joined:
            fetch_models(joined["results_dir"] / joined["parent_job_id"])
    if "time_budget" in joined:
        joined["time_budget_s"] = parse_duration(str(joined.pop("time_budget")))
    if "stall_timeout" in joined:
        joined["stall_timeout_s"] = parse_duration(str(joined.pop("stall_timeout")), "--stall-timeout")
    if "disk_quota" in joined:
        joined["disk_quota_bytes"] = parse_size(str(joined.pop("disk_quota")), "--disk-quota")
    for name, allowed in _CHOICES.items():
        if joined.get(name, allowed[0]) not in allowed:
            flag = "--" + name.replace("_", "-")
            raise UsageError(
                f"{joined[name]!r} is not a choice", where=flag, hint=f"one of {', '.join(allowed)}"
            )
    _refuse_non_positive(joined)
    tuples = {name: tuple(value) for name, value in joined.items() if isinstance(value, list)}
    return RunRequest(**{**joined, **tuples})


_CHOICES: Mapping[str, tuple[str, ...]] = {
    "policy": ("on", "off"),
    "direction": ("maximize", "minimize"),
    "open_bounds": ("refuse", "around-default"),
    "on_llm_failure": ("auto", "stop"),
}
_POSITIVE = (
    "trials",
    "max_epochs",
    "budget_epochs",
    "gpu_hours",
    "nodes_per_trial",
    "cpus_per_trial",
    "max_concurrent",
    "seeds",
    "confirm_top",
    "llm_tokens",
    "llm_cost",
)


def _refuse_non_positive(joined: Mapping[str, Any]) -> None:
    limits = [(name, 1 if isinstance(joined.get(name), int) else 0) for name in _POSITIVE]
    faults = [
        Fault(f"{joined[name]} is too small", "--" + name.replace("_", "-"), "give a positive number")
        for name, least in limits
        if name in joined and (joined[name] < least or joined[name] == 0)
    ]
    faults += [
        Fault(f"{joined[name]} is negative", "--" + name.replace("_", "-"), "give 0 or more")
        for name in ("gpus_per_trial", "seed")
        if joined.get(name, 0) < 0
    ]
    if faults:
        raise UsageError(faults)


def _flag_names() -> dict[str, str]:
    """Flag without its dashes to option name: ``set`` to ``overrides``."""
    return {get_args(option)[1].default.removeprefix("--"): name for name, option in RUN_OPTIONS.items()}


def _option_type(option: Any) -> type:
    """The plain type behind ``Annotated[kind | None, ...]``; a list type for repeatable flags."""
    kind = next(kind for kind in get_args(get_args(option)[0]) if kind is not type(None))
    return kind if isinstance(kind, type) and not get_args(kind) else list


def _read_config(path: Path) -> dict[str, Any]:
    from automl.schema.documents import read_yaml_mapping

    names = _flag_names()
    values: dict[str, Any] = {}
    faults: list[Fault] = []
    for key, value in read_yaml_mapping(path, UsageError).items():
        name = names.get(str(key).replace("_", "-"))
        if name is None or name == "config":
            near = get_close_matches(str(key), names, 1)
            hint = f"did you mean {near[0]!r}?" if near else "keys are the flags without their dashes"
            faults.append(Fault("is not a flag of run", f"{path}:{key}", hint))
        elif value is not None:
            values[name] = _convert(value, _option_type(RUN_OPTIONS[name]), f"{path}:{key}", faults)
    if faults:
        raise UsageError(faults)
    return values


def _convert(value: Any, kind: type, where: str, faults: list[Fault]) -> Any:
    if kind is list:
        return [str(item) for item in value] if isinstance(value, list) else [str(value)]
    if kind in (str, Path) and isinstance(value, str | int | float) and not isinstance(value, bool):
        return kind(str(value))
    if kind is bool and isinstance(value, bool):
        return value
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if kind in (int, float) and is_number and kind(value) == value:
        return kind(value)
    faults.append(Fault(f"{value!r} is not a {kind.__name__}", where, f"write a {kind.__name__}"))
    return None
