"""Draws everywhere, around what people expect, and around the best: what a search does without a model."""

from __future__ import annotations

import math

import numpy as np

from automl.search.beliefs import Belief
from automl.search.encoding import Array, Encoding
from automl.search.history import History
from automl.search.proposing import Candidates
from automl.space import SearchSpace

__all__ = ["GUIDED_SHARE", "GuidedDraws"]

GUIDED_SHARE = 1 / 3
"""Of the proposals of an estimator or a population, those that are made without it, as in BOHB."""
_DRAWS = 8
_FREE_SHARE = 1 / 6
_REDUCTION = 3
_LEAST = 5
_REACHES = (0.02, 0.2)


class GuidedDraws:
    """Draws as PriorBand's (Mallik et al., NeurIPS 2023), where Hyperband draws by chance.

    A sixth of them is free, once there are trials to compare. The others are made around what people expect
    or around the best trial, whichever says more of where the better third of the trials lies: a good default
    goes on to be drawn around, a poor one is left as soon as a few trials tell.

    Args:
        space: what may vary; its defaults, priors and weights say what people expect.
        first_free_share: of the draws before there are trials to compare, those that are free too.
    """

    def __init__(self, space: SearchSpace, *, first_free_share: float = 0.0) -> None:
        self._encoding = Encoding(space)
        self._first_free_share = first_free_share
        self._belief = Belief(self._encoding)

    def learn(self, history: History) -> None:
        """Nothing to remember: the best are read off the history."""

    def rank(self, history: History, rng: np.random.Generator) -> Candidates:
        """Independent draws from one of the three sources."""
        ranked = [seen for seen, _ in history.at_one_epoch(_LEAST)]
        free_share = _FREE_SHARE if len(ranked) >= _LEAST else self._first_free_share
        if free_share and rng.random() < free_share:
            return Candidates(self._belief.draw(rng, _DRAWS, trust=0.0), "drawn at random")
        if len(ranked) >= _LEAST:
            top = ranked[: math.ceil(len(ranked) / _REDUCTION)]
            better = self._encoding.positions([seen.params for seen in top])
            if rng.random() >= self._share_of_expected(better):
                reach = float(np.exp(rng.uniform(*np.log(_REACHES))))
                rows = self._belief.move(rng, np.repeat(better[:1], _DRAWS, axis=0), reach)
                return Candidates(rows, f"drawn around trial {top[0].trial}, the best so far")
        return Candidates(self._belief.draw(rng, _DRAWS), "drawn around what is expected")

    def _share_of_expected(self, better: Array) -> float:
        """How much better the belief explains the better trials than the best of them does, 0 to 1."""
        weights = np.log(np.arange(len(better), 0, -1))
        densities = (belief.log_density(better) for belief in (self._belief, self._belief.around(better[0])))
        expected, best = (np.logaddexp.reduce(weights + density) for density in densities)
        return float(np.exp(expected - np.logaddexp(expected, best)))
