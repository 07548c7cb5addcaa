"""Differential evolution (Storn and Price, 1997), the searcher of DEHB (Awad et al., IJCAI 2021)."""

from __future__ import annotations

import numpy as np

from automl.search.encoding import Array, Encoding
from automl.search.guided_draws import GUIDED_SHARE, GuidedDraws
from automl.search.history import History
from automl.search.proposing import Candidates
from automl.space import SearchSpace

__all__ = ["DifferentialEvolution"]

_STEP = 0.5
_CROSSOVER = 0.5
_REDRAWN_SHARE = 0.15
"""Of an offspring's values: once a population is of one kind, differences within it lead nowhere else."""
_OFFSPRING = 8
_FIRST_FREE_SHARE = 0.5
"""Evolution only mixes what it was given: a first population around a poor default stays around it."""


class DifferentialEvolution:
    """Crosses the best configurations of the highest rung that has enough of them.

    Mutates as JADE does (Zhang and Sanderson, 2009), current-to-pbest with an archive, where DEHB has rand/1:
    a step towards one of the very best, and one along the difference to any trial that was ever measured: the
    first generation lies around the default, and where that is poor rand/1 stays there for long. Departs from
    DEHB also where checkpoints allow better: the winner of a rung goes on from its own checkpoint, where DEHB
    begins an offspring of winners at the larger budget from scratch; and now and then a value is drawn anew,
    so that nothing is out of reach of a population that has become alike. A choice mutates by its position on
    the parameter's scale, as in DEHB.

    Args:
        space: what may vary.
    """

    def __init__(self, space: SearchSpace) -> None:
        self._encoding = Encoding(space)
        self._draws = GuidedDraws(space, first_free_share=_FIRST_FREE_SHARE)
        self._size = max(6, min(20, len(self._encoding.parameters) + 2))

    def learn(self, history: History) -> None:
        """Nothing to remember: the population is read off the history."""

    def rank(self, history: History, rng: np.random.Generator) -> Candidates:
        """Offspring of the population; draws while there is none, and now and then."""
        population = [seen for seen, _ in history.at_one_epoch(self._size)][: self._size]
        if len(population) < self._size // 2 or rng.random() < GUIDED_SHARE:
            return self._draws.rank(history, rng)
        positions = self._encoding.positions([seen.params for seen in population])
        archive = self._encoding.positions([seen.params for seen in history.measured()])
        rows = np.stack([self._offspring(positions, archive, rng) for _ in range(_OFFSPRING)])
        return Candidates(self._encoding.snap(rows), f"offspring of the best {len(population)} trials")

    def _offspring(self, population: Array, archive: Array, rng: np.random.Generator) -> Array:
        count = len(population)
        target = population[rng.integers(max(1, count // 2))]
        best = population[rng.integers(max(1, count // 4))]
        left, right = population[rng.integers(count)], archive[rng.integers(len(archive))]
        mutant = target + _STEP * (best - target) + _STEP * (left - right)
        outside = (mutant < 0.0) | (mutant > 1.0)
        mutant = np.where(outside, rng.random(len(mutant)), mutant)
        crossed = rng.random(len(mutant)) < _CROSSOVER
        crossed[rng.integers(len(mutant))] = True
        child = np.where(crossed, mutant, target)
        return np.where(rng.random(len(child)) < _REDRAWN_SHARE, rng.random(len(child)), child)
