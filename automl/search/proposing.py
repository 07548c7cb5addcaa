"""The searcher that most algorithms share: the default first, then what their own proposer likes best."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from automl.ports import Proposal
from automl.search.encoding import Array, Encoding, Key, key_of
from automl.search.history import History
from automl.space import SearchSpace
from automl.study.state import DEFAULT_TRIAL
from automl.types import Metric, Params, Report, TrialId, TrialRecord

__all__ = ["Candidates", "Proposer", "SpaceSearcher"]

_DRAWS = 64
"""Draws from which an unseen configuration is taken when a proposer's own were all tried."""


@dataclass(frozen=True)
class Candidates:
    """What a proposer likes, best first.

    Attributes:
        positions: snapped positions, each of shape (D,); none ends the search.
        reason: why, in words.
    """

    positions: Iterable[Array]
    reason: str


class Proposer(Protocol):
    """Ranks configurations by what is known; the part that makes an algorithm."""

    def learn(self, history: History) -> None:
        """Take in that a trial was told; the only place where a proposer may remember anything."""

    def rank(self, history: History, rng: np.random.Generator) -> Candidates:
        """Configurations worth a trial, best first; a function of its arguments and of what was learned."""


class SpaceSearcher:
    """Proposes the default, then the best configuration that was not tried before.

    Each proposal is drawn with randomness of its own made of the study's seed and the trial's number, so
    that it depends on nothing but them and the history, in whatever process.

    Args:
        space: what may vary.
        metric: what is improved.
        proposer: ranks configurations.
        seed: seed of the study.
    """

    def __init__(self, space: SearchSpace, metric: Metric, proposer: Proposer, *, seed: int) -> None:
        self._space = space
        self._encoding = Encoding(space)
        self._size = self._encoding.count()
        self._proposer = proposer
        self._seed = seed
        self.history = History(metric)

    def suggest(self, trial: TrialId) -> Proposal | None:
        """Parameters for a new trial and why; None when every combination was tried."""
        if trial == DEFAULT_TRIAL:
            return Proposal(self._space.defaults(), reason="default spec")
        tried = self.history.tried
        if len(tried) >= self._size:
            return None
        rng = np.random.default_rng([self._seed, int(trial)])
        liked = self._proposer.rank(self.history, rng)
        positions = iter(liked.positions)
        first = next(positions, None)
        if first is None:
            return None
        params = self._unseen(itertools.chain([first], positions), tried)
        return Proposal(params, reason=liked.reason) if params else self._any_unseen(tried, rng)

    def adopt(self, record: TrialRecord) -> None:
        """Take in that a trial exists."""
        self.history.adopt(record)

    def observe(self, trial: TrialId, report: Report) -> None:
        """Take in one epoch of a running trial."""
        self.history.observe(trial, report)

    def tell(self, record: TrialRecord) -> None:
        """Take in a trial that is paused or final."""
        self.history.tell(record)
        self._proposer.learn(self.history)

    def _unseen(self, positions: Iterable[Array], tried: set[Key]) -> Params | None:
        for position in positions:
            params = self._encoding.params(position)
            if key_of(params) not in tried:
                return params
        return None

    def _any_unseen(self, tried: set[Key], rng: np.random.Generator) -> Proposal:
        """Where a model insists on what is known; a small space is walked to its end."""
        draws = self._encoding.snap(rng.random((_DRAWS, len(self._encoding.parameters))))
        params = self._unseen(draws, tried)
        if params is None and self._size < 10 * _DRAWS:
            params = next((p for p in self._encoding.every() if key_of(p) not in tried), None)
        if params is None:
            params = self._encoding.params(draws[0])
        return Proposal(params, reason="drawn at random: what the model likes was tried before")
