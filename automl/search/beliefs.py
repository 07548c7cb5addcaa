"""What people believe before anything was measured: the default is good, and some choices are likelier.

A belief is a density over positions. It guides the first suggestions and fades as data come in, as in
prior-guided search (πBO; Hvarfner et al., ICLR 2022 · PriorBand; Mallik et al., NeurIPS 2023): a good one
saves most of the budget, a wrong one costs a share of the first draws.
"""

from __future__ import annotations

from copy import copy

import numpy as np

from automl.search.encoding import Array, Encoding, Whole
from automl.space import Parameter

__all__ = ["Belief"]

_SPREAD = 0.12
"""Standard deviation around a centre, as a part of the parameter's whole scale."""
_CONFIDENCE = 0.5
"""Share of draws of one parameter that keep near its default where nobody named a prior."""


class Belief:
    """Draws configurations and says how likely they were.

    Args:
        encoding: of the space; its parameters' priors, weights and defaults are the belief.
    """

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        centers = [p.prior.center if p.prior else p.default for p in encoding.parameters]
        names = [p.name for p in encoding.parameters]
        self._centers: Array = encoding.positions([dict(zip(names, centers, strict=True))])[0]
        self._confidence = np.array(
            [p.prior.confidence if p.prior else _CONFIDENCE for p in encoding.parameters]
        )

    @property
    def centers(self) -> Array:
        """Where people expect the best value of each parameter, shape (D,)."""
        return self._centers

    def around(self, center: Array) -> Belief:
        """The same belief with another centre, shape (D,)."""
        moved = copy(self)
        moved._centers = center
        return moved

    def draw(self, rng: np.random.Generator, count: int, *, trust: float | None = None) -> Array:
        """Independent positions, shape (count, D), snapped.

        Args:
            rng: where randomness comes from.
            count: number of rows.
            trust: multiplies the confidence of every parameter; None draws it evenly from 0 to 2 for each
                row, so that some rows keep close to the centre as a whole and others are drawn freely.
        """
        size = (count, len(self._centers))
        factor = rng.uniform(0.0, 2.0, (count, 1)) if trust is None else np.full((count, 1), trust)
        keeps = rng.random(size) < np.minimum(factor * self._confidence, 1.0)
        free, near = rng.random(size), _mirrored(self._centers + _SPREAD * rng.standard_normal(size))
        for place, parameter in enumerate(self._encoding.parameters):
            if parameter.choices:
                free[:, place] = _weighted(parameter, free[:, place])
                near[:, place] = self._centers[place]
        return self._encoding.snap(np.where(keeps, near, free))

    def move(self, rng: np.random.Generator, positions: Array, reach: float) -> Array:
        """Neighbours of positions, shape (N, D), snapped: a few parameters of each row moved.

        Args:
            rng: where randomness comes from.
            positions: rows to move from.
            reach: standard deviation of a move, as a part of the parameter's scale; a choice is drawn anew.
        """
        count, width = positions.shape
        share = max(1.5 / max(width, 1), 0.25)
        moves = rng.random(positions.shape) < share
        moves[np.arange(count), rng.integers(width, size=count)] = True
        moved = _mirrored(positions + reach * rng.standard_normal(positions.shape))
        for place, parameter in enumerate(self._encoding.parameters):
            if parameter.choices:
                moved[:, place] = _weighted(parameter, rng.random(count))
        return self._encoding.snap(np.where(moves, moved, positions))

    def log_density(self, positions: Array) -> Array:
        """Logarithm of the density up to a constant, shape (N,), of positions of shape (N, D)."""
        total = np.zeros(len(positions))
        for place, parameter in enumerate(self._encoding.parameters):
            column, confidence = positions[:, place], self._confidence[place]
            if parameter.choices:
                free = _shares(parameter)[_indices(parameter, column)]
                near = (np.abs(column - self._centers[place]) < 1e-9).astype(np.float64)
            else:
                free = np.ones(len(column))
                near = _bell((column - self._centers[place]) / _SPREAD) / _SPREAD
            total += np.log((1.0 - confidence) * free + confidence * near + 1e-6)
        return total


def _mirrored(positions: Array) -> Array:
    """Rows that left the unit cube come back as far as they went."""
    inside: Array = 1.0 - np.abs(1.0 - np.abs(positions))
    return inside


def _bell(z: Array) -> Array:
    bell: Array = np.exp(-0.5 * z**2) / np.sqrt(2.0 * np.pi)
    return bell


def _shares(parameter: Parameter) -> Array:
    weights = np.asarray(parameter.weights or (1.0,) * len(parameter.choices), dtype=np.float64)
    shares: Array = weights / weights.sum()
    return shares


def _indices(parameter: Parameter, column: Array) -> Whole:
    return np.minimum((column * len(parameter.choices)).astype(np.int64), len(parameter.choices) - 1)


def _weighted(parameter: Parameter, column: Array) -> Array:
    edges = np.cumsum(_shares(parameter))
    index = np.minimum(np.searchsorted(edges, column, side="right"), len(edges) - 1)
    positions: Array = (index + 0.5) / len(edges)
    return positions
