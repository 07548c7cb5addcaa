"""A made-up objective for simulated trials: what a strategy sees is plausible, and learnable."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property

from automl.space import Parameter, SearchSpace
from automl.types import Direction, Metric, Params, Report

__all__ = ["Landscape"]

_TOP = 80.0
_NOISE = 1.0


@dataclass(frozen=True)
class Landscape:
    """A smooth hill over the search space, and a learning curve that climbs to it.

    The height of a configuration falls with its distance from a summit in the unit cube of the parameters;
    a curve nears its height exponentially, faster for some configurations than for others, so that curves
    cross. Everything is a function of the seed and the parameters.

    Attributes:
        space: what may vary.
        metric: its direction decides whether the hill is climbed or descended.
        seed: moves summit, rates and noise.
    """

    space: SearchSpace
    metric: Metric
    seed: int = 0

    def report(self, params: Params, epoch: int, max_epochs: int) -> Report:
        """What a training with these parameters would announce after an epoch."""
        rate = 2.0 + 4.0 * self._draw("rate", *sorted(f"{k}={v}" for k, v in params.items()))
        share = (1 - math.exp(-rate * epoch / max_epochs)) / (1 - math.exp(-rate))
        noise = _NOISE * (self._draw("noise", str(epoch), *map(str, params.values())) - 0.5)
        height = max(0.0, self.height(params) * share + noise)
        value = height if self.metric.direction is Direction.MAXIMIZE else _TOP - height
        return Report(epoch, max_epochs, value, {self.metric.name: value})

    def height(self, params: Params) -> float:
        """What the configuration would reach after all epochs, without noise."""
        distances = [
            (_unit(parameter, params[parameter.name]) - self._summit[parameter.name]) ** 2
            for parameter in self.space
            if parameter.name in params
        ]
        return _TOP * math.exp(-4.0 * sum(distances) / max(1, len(distances)))

    @cached_property
    def _summit(self) -> dict[str, float]:
        return {parameter.name: self._draw("summit", parameter.name) for parameter in self.space}

    def _draw(self, *words: str) -> float:
        """A number in [0, 1) that depends on the seed and the words alone."""
        digest = hashlib.sha256("\n".join((str(self.seed), *words)).encode()).digest()
        return int.from_bytes(digest[:8], "big") / 2**64


def _unit(parameter: Parameter, value: object) -> float:
    """A value's place between its bounds, 0 to 1, on the parameter's own scale."""
    if parameter.choices:
        choices = parameter.choices
        return choices.index(value) / max(1, len(choices) - 1) if value in choices else 0.0
    low, high = parameter.low, parameter.high
    if low is None or high is None or high <= low or not isinstance(value, int | float):
        return 0.0
    if parameter.log:
        return (math.log(value) - math.log(low)) / (math.log(high) - math.log(low))
    return (value - low) / (high - low)
