"""Bayesian optimisation with a Gaussian process: expected improvement, and a bound with local penalties."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, ndtr

from automl.search.beliefs import Belief
from automl.search.curve_model import CurveModel, Outlook, share_beaten
from automl.search.encoding import Array, Encoding
from automl.search.history import History
from automl.search.proposing import Candidates

__all__ = ["EXPECTED_IMPROVEMENT", "PENALISED_BOUND", "Criterion", "ModelSearch"]

_FIRST_DRAWS = 6
_DRAWS = 300
_ELITES = 6
_OFFSPRING = 30
_REACHES = (0.2, 0.05, 0.1, 0.05, 0.02, 0.01)
"""Standard deviations of the moves by which candidates are refined, round by round."""
_FLOOR = 1e-300
_BOLDNESS = 0.05
"""Factor under the root of the confidence bound; at the usual 0.2 it went on exploring for too long."""

Score = Callable[[Array], Array]
"""What is to be made large, as a logarithm: of features or of positions, one row each, shape (N,)."""


@dataclass(frozen=True)
class Criterion:
    """What makes a configuration worth a trial.

    Attributes:
        words: its name in the reason of a proposal.
        make: the criterion of features at one moment; asked once a proposal.
    """

    words: str
    make: Callable[[CurveModel, Outlook, History, np.random.Generator], Score]


class ModelSearch:
    """Proposes where a criterion of the model is largest, weighted by what people believe.

    The belief counts less with every trial, and the less the more trials beat the default (πBO; Hvarfner et
    al., ICLR 2022). Trials that run count with what is expected of them; where training is impossible the
    criterion is multiplied by the chance that it is possible (Gelbart et al., UAI 2014).

    Args:
        model: says what configurations will have come to.
        criterion: `EXPECTED_IMPROVEMENT` or `PENALISED_BOUND`.
    """

    def __init__(self, model: CurveModel, criterion: Criterion) -> None:
        self._model = model
        self._criterion = criterion

    def learn(self, history: History) -> None:
        """Fit the model again where enough is new."""
        self._model.learn(history)

    def rank(self, history: History, rng: np.random.Generator) -> Candidates:
        """The configurations that promise most; draws from the belief while there is no model."""
        outlook = self._model.look(history)
        if outlook is None:
            return _first_draws(self._model, history, rng)
        encoding, belief = self._model.encoding, self._model.belief
        with self._model.one_thread():
            gain = self._criterion.make(self._model, outlook, history, rng)

            def score(positions: Array) -> Array:
                features = encoding.features(positions)
                believed = outlook.belief_weight * belief.log_density(positions)
                total: Array = gain(features) + believed + outlook.log_feasible(features)
                return total

            positions = _refine(score, outlook, belief, rng)
        return Candidates(positions, f"{self._criterion.words}, after {history.measured_count} trials")


def _expected_improvement(
    _model: CurveModel, outlook: Outlook, _history: History, _rng: np.random.Generator
) -> Score:
    bar = float(outlook.means.max()) + outlook.process.noise

    def gain(features: Array) -> Array:
        mean, deviation = outlook.process.predict(features)
        total: Array = _log_improvement((mean - bar) / deviation) + np.log(deviation)
        return total

    return gain


def _penalised_bound(
    model: CurveModel, outlook: Outlook, history: History, rng: np.random.Generator
) -> Score:
    encoding, best = model.encoding, float(outlook.means.max())
    width = math.sqrt(_BOLDNESS * len(encoding.parameters) * math.log(2 * history.measured_count + 1))
    pending = [model.position(seen) for seen in history.pending()]
    balls = encoding.features(np.stack(pending)) if pending else None
    slope = _steepest(outlook, encoding, rng)

    def gain(features: Array) -> Array:
        mean, deviation = outlook.process.predict(features)
        bound: Array = np.log(np.logaddexp(0.0, mean + width * deviation - best) + _FLOOR)
        return bound if balls is None else bound + _penalty(features, balls, outlook, slope, best)

    return gain


EXPECTED_IMPROVEMENT = Criterion("largest expected improvement", _expected_improvement)
"""Expected improvement (Jones et al., 1998) at the last epoch, by more than one training's noise.

Nobody could tell a smaller one from luck; wanting it, a search spends dozens of short trials beside its best.
"""

PENALISED_BOUND = Criterion("highest confidence bound", _penalised_bound)
"""Upper confidence bound with local penalties for batches (González et al., AISTATS 2016).

Around each trial that runs, the bound counts by the chance that the optimum lies beyond the ball that the
trial's own expected shortfall and the steepest slope of the model span.
"""


def _first_draws(model: CurveModel, history: History, rng: np.random.Generator) -> Candidates:
    """Of a few draws around what is expected, the one whose values are newest for their parameters.

    So each parameter is seen at different places from the start, as in a Latin hypercube, and a default at
    the edge of the good region does not hold all the first trials back. The first that the default does not
    beat ends all drawing around it.
    """
    is_believed = share_beaten(history) in {None, 1.0}
    draws = model.belief.draw(rng, _FIRST_DRAWS, trust=None if is_believed else 0.0)
    known = [model.position(seen) for seen in history]
    if known:
        gaps = np.abs(draws[:, None, :] - np.stack(known)[None, :, :]).min(axis=1)
        draws = draws[np.argsort(-gaps.sum(axis=1), kind="stable")]
    where = "around the default" if is_believed else "at random, for the default is no better"
    return Candidates(draws, f"drawn {where}: too few trials to model")


def _log_improvement(z: Array) -> Array:
    """Logarithm of the expected improvement of a standard normal over -z; stable far below zero."""
    density = np.exp(-0.5 * z**2) / math.sqrt(2.0 * math.pi)
    near = np.log(np.maximum(density + z * ndtr(z), _FLOOR))
    far = -0.5 * z**2 - 0.5 * math.log(2.0 * math.pi) - 2.0 * np.log(np.maximum(-z, 1.0))
    improvement: Array = np.where(z > -5.0, near, far)
    return improvement


def _refine(score: Score, outlook: Outlook, belief: Belief, rng: np.random.Generator) -> Array:
    """Positions in descending order of their score: broad draws, then ever smaller moves from the best."""
    elites = outlook.positions[np.argsort(-outlook.means, kind="stable")[:_ELITES]]
    marks = np.full(len(elites), -np.inf)
    pool = np.concatenate([belief.draw(rng, _DRAWS // 2), belief.draw(rng, _DRAWS // 2, trust=0.0)])
    for reach in _REACHES:
        moved = belief.move(rng, np.repeat(elites, _OFFSPRING, axis=0), reach)
        pool = np.concatenate([pool, moved])
        together, all_marks = np.concatenate([elites, pool]), np.concatenate([marks, score(pool)])
        best = np.argsort(-all_marks, kind="stable")[:_ELITES]
        elites, marks, pool = together[best], all_marks[best], pool[:0]
    ranked: Array = elites
    return ranked


def _steepest(outlook: Outlook, encoding: Encoding, rng: np.random.Generator) -> float:
    """The largest slope of the expected value between neighbouring draws."""
    near = encoding.snap(rng.random((_DRAWS, len(encoding.parameters))))
    there = encoding.snap(near + 0.02 * rng.standard_normal(near.shape))
    left, right = encoding.features(near), encoding.features(there)
    distance = np.linalg.norm(left - right, axis=1)
    rise = np.abs(outlook.process.predict(left)[0] - outlook.process.predict(right)[0])
    is_apart = distance > 1e-6
    return max(float((rise[is_apart] / distance[is_apart]).max(initial=0.0)), 1e-3)


def _penalty(features: Array, balls: Array, outlook: Outlook, slope: float, best: float) -> Array:
    """Sum of the logarithms of the local penalties, shape (N,)."""
    mean, deviation = outlook.process.predict(balls)
    distance = np.linalg.norm(features[:, None, :] - balls[None, :, :], axis=2)
    z = (slope * distance - best + mean) / np.sqrt(2.0 * deviation**2 + 1e-6)
    total: Array = log_ndtr(z).sum(axis=1)
    return total
