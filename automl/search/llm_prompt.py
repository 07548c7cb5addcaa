"""What a language model is told of a study: the space, the trials so far, and what to answer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from automl.space import Parameter, SearchSpace
from automl.study.state import DEFAULT_TRIAL
from automl.types import Budget, Metric, ParamValue, TrialRecord

__all__ = ["Message", "make_messages", "make_repair"]

Message = Mapping[str, str]
"""``role`` and ``content``, as chat endpoints take them."""

_MOST_SHOWN = 60
_TASK = """You tune the training of a neural network. One trial is one training. Propose the next trial.
Answer with one JSON object and nothing else:
{"params": {NAME: VALUE, ...}, "reason": "one sentence why"}
Parameters that you leave out keep their default. Every value has to lie within its bounds; a configuration \
that was tried already is refused."""
_RESEARCH = """You do research on the training of a neural network. One trial is one training. Look at what \
was tried, say what it shows, state one hypothesis, and propose the trial that tests it.
Answer with one JSON object and nothing else:
{"finding": "what the results so far show", "reason": "the hypothesis, and why this trial tests it", \
"params": {NAME: VALUE, ...}}
Parameters that you leave out keep their default. Every value has to lie within its bounds; a configuration \
that was tried already is refused."""


def make_messages(
    space: SearchSpace,
    metric: Metric,
    budget: Budget,
    records: Sequence[TrialRecord],
    *,
    findings: Sequence[str] | None = None,
) -> list[Message]:
    """The question for a trial's parameters.

    Args:
        space: what may vary.
        metric: what is improved.
        budget: what may be spent.
        records: trials so far, in order.
        findings: what the model found at earlier trials; None where it is not asked for any.
    """
    facts: dict[str, Any] = {
        "metric": metric.name,
        "direction": metric.direction.value,
        "trials": f"{len(records)} of {budget.trials} begun, at most {budget.max_epochs} epochs each",
        "parameters": [_describe(parameter) for parameter in space],
        "results": [_tell(record, space) for record in _shown(records, metric)],
    }
    if findings:
        facts["your findings so far"] = list(findings)
    return [
        {"role": "system", "content": _TASK if findings is None else _RESEARCH},
        {"role": "user", "content": json.dumps(facts)},
    ]


def make_repair(answer: str, fault: str) -> list[Message]:
    """What follows an answer that cannot be used."""
    return [
        {"role": "assistant", "content": answer},
        {"role": "user", "content": f"This cannot be used: {fault}. Answer again with one JSON object."},
    ]


def _describe(parameter: Parameter) -> dict[str, Any]:
    values: dict[str, Any] = (
        {"choices": parameter.choices}
        if parameter.choices
        else {"low": parameter.low, "high": parameter.high, "log": parameter.log, "step": parameter.step}
    )
    known = {"name": parameter.name, "type": parameter.kind.value, **values, "default": parameter.default}
    if parameter.condition is not None:
        known["only if"] = {name: list(allowed) for name, allowed in parameter.condition.needs.items()}
    return {name: value for name, value in known.items() if value is not None}


def _shown(records: Sequence[TrialRecord], metric: Metric) -> list[TrialRecord]:
    """All trials, or of many the default, the best and the newest."""
    if len(records) <= _MOST_SHOWN:
        return list(records)
    ranked = sorted(
        (record for record in records if record.value is not None),
        key=lambda record: -metric.direction.sign * (record.value or 0.0),
    )
    wanted = {DEFAULT_TRIAL, *_ids(ranked[: _MOST_SHOWN // 2]), *_ids(records[-_MOST_SHOWN // 2 :])}
    return [record for record in records if record.id in wanted]


def _ids(records: Iterable[TrialRecord]) -> list[str]:
    return [record.id for record in records]


def _tell(record: TrialRecord, space: SearchSpace) -> dict[str, Any]:
    """One trial: what it changed, how it went, and why it was made."""
    known: dict[str, Any] = {
        "trial": record.id,
        "changed": {name: value for name, value in record.params.items() if _differs(name, value, space)},
        "state": record.state.value,
        "cause": record.cause.value,
        "value": record.value,
        "epochs": record.epochs,
        "reason": record.reason,
    }
    return {name: value for name, value in known.items() if value not in (None, "")}


def _differs(name: str, value: ParamValue, space: SearchSpace) -> bool:
    return name in space and space[name].default != value
