"""Learning from an earlier study: its configurations in terms of this space, its values of this default.

The two studies may differ in data, length and space. What carries over is how much better than the default a
configuration was. So its best configurations are tried first, and the rest is told once this study's own
default is measured, with all values shifted by the difference of the two defaults.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from automl.ports import Proposal, Searcher
from automl.space import Parameter, ParameterKind, SearchSpace
from automl.study.state import DEFAULT_TRIAL
from automl.types import Cause, Metric, Params, ParamValue, Report, TrialId, TrialRecord, TrialState

__all__ = ["Observation", "Past", "Translation", "WarmSearcher", "translate"]

_TRIED_FIRST = 3


@dataclass(frozen=True)
class Observation:
    """One trial of an earlier study, in terms of this one.

    Attributes:
        trial: its id there.
        params: a configuration of this study's space.
        curve: epochs of this study's trials, and the metric there; as measured in the earlier study.
        state: how it ended.
        cause: why.
    """

    trial: str
    params: Params
    curve: tuple[tuple[int, float], ...]
    state: TrialState
    cause: Cause = Cause.NONE

    def to_record(self, study: str, shift: float, max_epoch: int) -> TrialRecord:
        """The trial as a searcher is told of it."""
        reports = tuple(Report(epoch, max_epoch, value + shift) for epoch, value in self.curve)
        last = reports[-1].value if reports else None
        return TrialRecord(
            TrialId(f"{study}/{self.trial}"), self.params, self.state, self.cause, reports=reports, value=last
        )


@dataclass(frozen=True)
class Past:
    """An earlier study.

    Attributes:
        study: its id.
        default: value of its default spec; None when that was not measured.
        observations: its trials, the best first.
        max_epochs: epochs of this study's trials.
    """

    study: str
    default: float | None
    observations: tuple[Observation, ...]
    max_epochs: int

    def to_json(self) -> dict[str, Any]:
        """All of it, for `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Self:
        """The past that `to_json` wrote.

        Raises:
            KeyError: a field is missing.
            ValueError: a state or cause is none.
        """
        observations = tuple(
            Observation(
                entry["trial"],
                {name: _frozen(value) for name, value in entry["params"].items()},
                tuple((int(epoch), float(value)) for epoch, value in entry["curve"]),
                TrialState(entry["state"]),
                Cause(entry["cause"]),
            )
            for entry in said["observations"]
        )
        return cls(said["study"], said["default"], observations, said["max_epochs"])


@dataclass(frozen=True)
class Translation:
    """A configuration in terms of another space.

    Attributes:
        params: None when a value lies outside of what may be suggested.
        defaulted: parameters that were not searched there and have the value that they were fixed at.
        dropped: parameters that are not searched here.
    """

    params: Params | None
    defaulted: frozenset[str] = frozenset()
    dropped: frozenset[str] = frozenset()


def translate(params: Params, space: SearchSpace, fixed: Mapping[str, ParamValue]) -> Translation:
    """A configuration of another study in terms of this space.

    Args:
        params: what was searched there.
        space: what is searched here.
        fixed: values that this space's parameters had there when they were not searched.
    """
    found: dict[str, ParamValue] = {}
    defaulted = set()
    for parameter in space:
        if parameter.condition is not None and not parameter.condition.holds(found):
            continue
        name = parameter.name
        value = _fitting(parameter, params.get(name, fixed.get(name)))
        if not parameter.contains(value):
            return Translation(None)
        if name not in params:
            defaulted.add(name)
        found[name] = value
    return Translation(found, frozenset(defaulted), frozenset(name for name in params if name not in space))


class WarmSearcher:
    """Any searcher, with an earlier study behind it.

    Args:
        searcher: what goes on once the best of the past were tried.
        past: the earlier study.
        metric: what ranking uses.
    """

    def __init__(self, searcher: Searcher, past: Past, metric: Metric) -> None:
        self._searcher = searcher
        self._past = past
        self._metric = metric
        self._first = _distinct(past.observations)[:_TRIED_FIRST]
        self._begun: list[Params] = []
        self._is_told = False

    def suggest(self, trial: TrialId) -> Proposal | None:
        """The default, then the best of the past, then what the searcher likes."""
        waiting = [seen for seen in self._first if seen.params not in self._begun]
        if trial == DEFAULT_TRIAL or not waiting:
            return self._searcher.suggest(trial)
        return Proposal(
            waiting[0].params, reason=f"among the best of {self._past.study}, trial {waiting[0].trial}"
        )

    def adopt(self, record: TrialRecord) -> None:
        """Take in that a trial exists."""
        self._begun.append(record.params)
        self._searcher.adopt(record)

    def observe(self, trial: TrialId, report: Report) -> None:
        """Take in one epoch."""
        self._searcher.observe(trial, report)

    def tell(self, record: TrialRecord) -> None:
        """Take in a trial; the default brings the whole past with it."""
        self._searcher.tell(record)
        is_measured = record.id == DEFAULT_TRIAL and record.state.is_final and record.value is not None
        if is_measured and self._past.default is not None and not self._is_told:
            self._is_told = True
            self._tell_past((record.value or 0.0) - self._past.default)

    def _tell_past(self, shift: float) -> None:
        for seen in self._past.observations:
            record = seen.to_record(self._past.study, shift, self._past.max_epochs)
            self._searcher.adopt(record)
            self._searcher.tell(record)


def _distinct(observations: Iterable[Observation]) -> list[Observation]:
    """Measured configurations, the best first, each once."""
    chosen: list[Observation] = []
    for seen in observations:
        if (
            seen.curve
            and seen.state is not TrialState.FAILED
            and all(seen.params != o.params for o in chosen)
        ):
            chosen.append(seen)
    return chosen


def _fitting(parameter: Parameter, value: ParamValue) -> ParamValue:
    """The value in the type that the parameter has here; a list that was read from a file is a tuple."""
    if parameter.kind is ParameterKind.INT and isinstance(value, float) and value.is_integer():
        return int(value)
    if parameter.kind is ParameterKind.FLOAT and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    frozen: ParamValue = _frozen(value)
    return frozen


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list | tuple) else value
