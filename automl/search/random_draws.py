"""Draws that learn nothing: at random, and on a grid."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np

from automl.search.beliefs import Belief
from automl.search.encoding import Array, Encoding, key_of
from automl.search.history import History
from automl.search.proposing import Candidates
from automl.space import SearchSpace

__all__ = ["Grid", "RandomDraws"]

_DRAWS = 8
_FREE_SHARE = 0.5


class RandomDraws:
    """Random search (Bergstra and Bengio, JMLR 2012), every other draw around what people expect.

    Args:
        space: what may vary; its defaults, priors and weights say where.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._belief = Belief(Encoding(space))

    def learn(self, history: History) -> None:
        """Learn nothing."""

    def rank(self, history: History, rng: np.random.Generator) -> Candidates:  # noqa: ARG002 - the protocol's
        """Independent draws."""
        if rng.random() < _FREE_SHARE:
            return Candidates(self._belief.draw(rng, _DRAWS, trust=0.0), "drawn at random")
        return Candidates(self._belief.draw(rng, _DRAWS), "drawn around what is expected")


class Grid:
    """Grid search: every combination of a few evenly spaced values of each parameter.

    As many values as the budget allows, two at least, so the grid grows with the number of trials.
    Combinations come in an order that is spread over the whole grid, so that a study that ends early has
    seen a bit of all.

    Args:
        space: what may vary.
        trials: number of trials that the grid should have.
    """

    def __init__(self, space: SearchSpace, trials: int) -> None:
        self._encoding = Encoding(space)
        levels = 2
        while self._count(levels) < trials and self._count(levels + 1) > self._count(levels):
            levels += 1
        self._values = [self._encoding.levels(p, levels) for p in self._encoding.parameters]

    def learn(self, history: History) -> None:
        """Learn nothing."""

    def rank(self, history: History, rng: np.random.Generator) -> Candidates:  # noqa: ARG002 - the protocol's
        """The combinations that were not tried yet; none at the end of the grid."""
        left = (p for p in self._walk() if key_of(self._encoding.params(p)) not in history.tried)
        return Candidates(itertools.islice(left, 1), "next on the grid")

    def _count(self, levels: int) -> int:
        return math.prod(len(self._encoding.levels(p, levels)) for p in self._encoding.parameters)

    def _walk(self) -> Iterator[Array]:
        """All grid points, each once: strides near the golden section, coprime to their number."""
        total = math.prod(map(len, self._values))
        stride = next(s for s in itertools.count(int(total * 0.618) or 1) if math.gcd(s, total) == 1)
        for number in range(total):
            rest, row = number * stride % total, []
            for values in self._values:
                rest, digit = divmod(rest, len(values))
                row.append(values[digit])
            yield self._encoding.snap(np.array([row]))[0]
