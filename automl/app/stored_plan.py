"""The plan of a study on disk: written when it begins, read again to go on with it or to retrace it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from automl.errors import Fault, StudyError
from automl.planning import Plan, RunRequest, SearchPlan, make_plan
from automl.planning.sizing import AlgorithmChoice
from automl.provenance import installed_versions
from automl.schema.documents import read_json_mapping
from automl.search.warm_start import Past
from automl.space import SearchSpace
from automl.study.store import StudyFolder
from automl.trials.folder import write_atomically
from automl.types import StudySheet

__all__ = ["load_plan", "load_search", "store_plan"]

_PAST = "warm_start.json"
_HAS_TO_EQUAL = ("metric", "objectives", "budget", "spec")
_OF_THE_SPACE = ("parameters", "ties")
_ONLY_FOR_PEOPLE = "source"
_MOST_FAULTS = 10
_FORMER_RULE = {"rank_by": "best"}
"""Of studies that began before there was a choice."""
_ABSENT = object()


def store_plan(folder: StudyFolder, sheet: StudySheet, plan: Plan) -> None:
    """Write ``study.json``: what was asked, what was decided, and with which versions.

    An earlier study that is learned from is copied beside it, since it may be gone when this one goes on.
    """
    if plan.past is not None:
        write_atomically(folder.root / _PAST, json.dumps(plan.past.to_json()) + "\n")
    secret_keys = plan.action.keys_filled_by("key")
    folder.write_sheet(
        sheet,
        {
            "request": plan.request.to_json(secret_keys=secret_keys),
            "plan": plan.to_json(),
            "seed": plan.request.seed,
            "versions": installed_versions(),
        },
    )


def load_search(folder: StudyFolder) -> SearchPlan | None:
    """What the strategy of a study depended on, from ``study.json`` alone; None for a plain training.

    Raises:
        StudyError: it is missing or damaged.
    """
    sheet, recorded = folder.read_sheet(), read_json_mapping(folder.sheet, StudyError)
    if not sheet.is_search:
        return None
    past = folder.root / _PAST
    try:
        return SearchPlan(
            space=SearchSpace.from_json(sheet.space),
            algorithm=AlgorithmChoice(**recorded["plan"]["algorithm"]),
            budget=sheet.budget,
            metric=sheet.metric,
            seed=recorded["seed"],
            concurrent=recorded["plan"]["resources"]["max_concurrent"],
            objectives=sheet.objectives,
            past=Past.from_json(read_json_mapping(past, StudyError)) if past.exists() else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(folder, error) from error


def load_plan(folder: StudyFolder) -> Plan:
    """The plan that a study began with, made again from its request, to go on with it.

    Algorithm and number of trials side by side stay as they were decided then, so that the strategy goes on
    as the same function; the shape of a trial follows the machine of today.

    Raises:
        StudyError: ``study.json`` is missing or damaged, or space, spec, metric or budget would be others
            today, for instance since a schema or a spec file was changed; names what differs.
        AutomlError: the request cannot be planned any more: data, model or machine are not what they were.
    """
    recorded = read_json_mapping(folder.sheet, StudyError)
    try:
        request = RunRequest.from_json(recorded["request"])
        algorithm = AlgorithmChoice(**recorded["plan"]["algorithm"])
        concurrent = recorded["plan"]["resources"]["max_concurrent"]
        was_study = recorded["is_search"]
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(folder, error) from error
    chosen = request.algorithm if algorithm.name == "none" else algorithm.name
    plan = make_plan(replace(request, algorithm=chosen, warm_start=None))
    faults = list(_differences(recorded["plan"], json.loads(json.dumps(plan.to_json()))))
    if plan.is_study is not was_study:
        faults = [Fault(f"was {_kind(was_study)} and would be {_kind(plan.is_study)} now", "policy")]
    if faults:
        hint = "put back what was changed since it began, or start a new study with --warm-start"
        shown = [replace(fault, where=f"{folder.sheet}:{fault.where}") for fault in faults[:_MOST_FAULTS]]
        raise StudyError([*shown[:-1], replace(shown[-1], hint=hint)])
    search = load_search(folder)
    return replace(
        plan,
        request=request,
        algorithm=algorithm,
        resources=replace(plan.resources, max_concurrent=concurrent),
        past=search.past if search else None,
    )


def _kind(is_study: bool) -> str:
    return "a study" if is_study else "a plain training"


def _differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Fault]:
    if then["metric"]:
        then = {**then, "metric": {**_FORMER_RULE, **then["metric"]}}
    for part in _HAS_TO_EQUAL:
        yield from _compare(then.get(part), now.get(part), part)
    for part in _OF_THE_SPACE:
        yield from _compare(then["space"].get(part), now["space"].get(part), f"space.{part}")


def _compare(then: Any, now: Any, place: str) -> Iterator[Fault]:
    """One fault for each leaf that differs; a list counts as a leaf unless its items have names."""
    then, now = _named(then), _named(now)
    if isinstance(then, dict) and isinstance(now, dict):
        for key in (*then, *(key for key in now if key not in then)):
            if key != _ONLY_FOR_PEOPLE:
                yield from _compare(then.get(key, _ABSENT), now.get(key, _ABSENT), f"{place}.{key}")
    elif then != now:
        yield Fault(f"was {_shown(then)} when the study began and is {_shown(now)} now", place)


def _named(value: Any) -> Any:
    is_named = isinstance(value, list) and all(isinstance(item, dict) and "name" in item for item in value)
    return {item["name"]: item for item in value} if is_named and value else value


def _shown(value: Any) -> str:
    if value is _ABSENT:
        return "absent"
    text = json.dumps(value)
    return text if len(text) < 80 else f"{text[:80]}..."


def _damaged(folder: StudyFolder, error: Exception) -> StudyError:
    return StudyError(f"does not hold what is needed to go on: {error!r}", where=str(folder.sheet))
