"""What all players of others share: how epochs are counted, and a space put into other hands."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from automl.space import Parameter, ParameterKind
from automl.types import Metric
from playing.objectives import Objective
from playing.ours import METRIC, Progress

Key = tuple[tuple[str, Any], ...]
"""A configuration, sorted by name."""


@dataclass
class Ledger:
    """Epochs spent so far and the incumbent: the configuration that stands best by the study's rule.

    What cannot train costs no epoch; after as many of them as there are epochs the search is over, since some
    samplers propose nothing else any more.
    """

    epochs: int
    metric: Metric = METRIC
    progress: Progress = field(default_factory=list)
    failures: int = 0
    observed: defaultdict[Key, list[float]] = field(default_factory=lambda: defaultdict(list))
    standing: dict[Key, float] = field(default_factory=dict)

    @property
    def is_spent(self) -> bool:
        """True once nothing may train any more."""
        return max(len(self.progress), self.failures) >= self.epochs

    def fail(self) -> None:
        """A configuration cannot train."""
        self.failures += 1

    def enter(self, params: Mapping[str, Any], value: float) -> None:
        """One epoch of a configuration gave this value."""
        key = tuple(sorted(params.items()))
        self.observed[key].append(value)
        self.standing[key] = self.metric.stands_at(self.observed[key])
        incumbent = max(self.standing, key=self.standing.__getitem__)
        self.progress.append((len(self.progress) + 1, dict(incumbent)))


@dataclass(frozen=True)
class Scale:
    """Between a parameter and what a peer sees of it.

    Args:
        parameter: in the objective's terms.
        is_by_hand: a logarithmic parameter is handed over as its place in 0..1, which is for peers that know
            no logarithm; else bounds go as they are.
    """

    parameter: Parameter
    is_by_hand: bool

    @property
    def is_changed(self) -> bool:
        """True where the peer sees another number than the objective."""
        return self.is_by_hand and self.parameter.log and self.parameter.kind is ParameterKind.FLOAT

    @property
    def bounds(self) -> tuple[float, float]:
        """What the peer is told."""
        assert self.parameter.low is not None
        assert self.parameter.high is not None
        return (0.0, 1.0) if self.is_changed else (self.parameter.low, self.parameter.high)

    def value(self, seen: Any) -> Any:
        """The objective's value for the peer's; what leaves the bounds is put on them."""
        if self.parameter.choices:
            return seen
        low, high = self.bounds
        inside = min(high, max(low, seen))
        if not self.is_changed:
            return int(inside) if self.parameter.kind is ParameterKind.INT else float(inside)
        first, last = self.parameter.low, self.parameter.high
        assert first is not None
        assert last is not None
        return first * (last / first) ** inside


def scales(objective: Objective, *, is_by_hand: bool) -> dict[str, Scale]:
    """One for each parameter, by name."""
    return {p.name: Scale(p, is_by_hand) for p in objective.space}
