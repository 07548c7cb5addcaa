"""A Gaussian process over configurations and epochs, for tens to a few hundreds of observations.

Our own because no library that the platform may depend on has one with priors on its scales (without them a
handful of observations in a dozen dimensions is over-fitted), and because learning curves need a kernel of
their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack, solve_triangular
from scipy.optimize import minimize

from automl.search.encoding import Array, Whole

__all__ = ["GaussianProcess", "Points", "fit_process"]

_ITERATIONS = 30
_MEAN_VARIANCE = 4.0
"""Prior variance of the two numbers of the mean curve, in units of the observations' own variance."""
_MEAN_LENGTH, _LENGTH_SPREAD = -1.3, 0.6
"""Prior of the logarithm of a length scale, less that of the root of the number of parameters. With longer
ones a dozen trials were taken for a plane, and the search went on in the corner to which it rises."""
_ROOT5 = 5.0**0.5

# Legend of shapes: N observations, M queries, D parameters, F features.


@dataclass(frozen=True)
class Points:
    """Places in the space of configurations and epochs.

    Attributes:
        features: configurations, shape (N, F).
        earliness: 0 at the last epoch, 1 at the first, shape (N,).
        owner: number of the trial that each belongs to, shape (N,).
    """

    features: Array
    earliness: Array
    owner: Whole


@dataclass(frozen=True)
class _Scales:
    """What is fitted, all as logarithms."""

    length: Array
    final: float
    early: float
    own: float
    noise: float
    blur: float

    @classmethod
    def unpack(cls, vector: Array) -> _Scales:
        return cls(vector[:-5], *vector[-5:])


class GaussianProcess:
    """What observations say about the value at the last epoch.

    The kernel is that of a curve that settles: a value for each configuration, a deviation that all similar
    configurations share and one that is a trial's own, both of which vanish towards the last epoch (after
    freeze-thaw Bayesian optimisation; Swersky et al., 2014). How much early epochs say is thus learned.

    Args:
        points: where was observed.
        values: what was observed, shape (N,), of mean about 0 and variance about 1.
        vector: logarithms of the scales.
        groups: parameter of each feature, shape (F,).
    """

    def __init__(self, points: Points, values: Array, vector: Array, groups: Whole) -> None:
        self.points, self.values, self.vector, self._groups = points, values, vector, groups
        self.scales = _Scales.unpack(vector)
        early = points.earliness @ points.earliness.T
        own = early * (points.owner[:, None] == points.owner[None, :])
        kernel = _kernel(_unit(points, points, self.scales, groups), early, own, self.scales)
        self._chol = _cholesky(kernel)
        self._weights = lapack.dpotrs(self._chol, values, lower=1)[0]

    @property
    def noise(self) -> float:
        """Standard deviation of what is observed around what a configuration is worth at the last epoch."""
        return float(np.exp(self.scales.noise))

    def predict(self, features: Array) -> tuple[Array, Array]:
        """Mean and standard deviation at the last epoch, shapes (M,)."""
        cross = self._cross(features)
        solved = solve_triangular(self._chol, cross, lower=True, check_finite=False)
        prior = np.exp(2 * self.scales.final) + _MEAN_VARIANCE
        variance = np.maximum(prior - np.sum(solved**2, axis=0), 1e-10)
        return cross.T @ self._weights, np.sqrt(variance)

    def predict_mean(self, features: Array) -> Array:
        """The mean alone, shape (M,), in a fraction of the time."""
        mean: Array = self._cross(features).T @ self._weights
        return mean

    def _cross(self, features: Array) -> Array:
        """Covariance of what was observed with the last epoch of configurations, shape (N, M)."""
        last = Points(features, np.zeros((len(features), 1)), np.zeros(0, dtype=np.int64))
        cross: Array = np.exp(2 * self.scales.final) * _unit(self.points, last, self.scales, self._groups)
        cross += _MEAN_VARIANCE
        return cross

    def believing(self, features: Array) -> GaussianProcess:
        """The process after its own predictions have come true at some configurations (Kriging believer)."""
        if not len(features):
            return self
        mean = self.predict_mean(features)
        owners = np.arange(len(features)) + 1 + self.points.owner.max(initial=0)
        points = Points(
            np.concatenate([self.points.features, features]),
            np.concatenate(
                [self.points.earliness, np.zeros((len(features), self.points.earliness.shape[1]))]
            ),
            np.concatenate([self.points.owner, owners]),
        )
        values = np.concatenate([self.values, mean])
        return GaussianProcess(points, values, self.vector, self._groups)


def fit_process(points: Points, values: Array, groups: Whole) -> Array:
    """Logarithms of the scales that fit best, by maximum a posteriori.

    The prior of the length scales grows with the root of the number of parameters (Hvarfner et al., ICML
    2024). Each fit begins at the prior's mean: begun at the last fit, it was seen to stay in a poor optimum
    for good.

    Args:
        points: where was observed.
        values: what was observed, shape (N,), of mean about 0 and variance about 1.
        groups: parameter of each feature, shape (F,).
    """
    count = int(groups.max(initial=-1)) + 1
    distances = _squared_by_parameter(points.features, groups, count)
    early = points.earliness @ points.earliness.T
    own = early * (points.owner[:, None] == points.owner[None, :])
    fitted = minimize(
        _loss,
        _prior_mean(count),
        args=(values, distances, early, own),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-4.0, 5.0)] * count + [(-3.0, 2.0), (-5.0, 2.0), (-5.0, 2.0), (-5.0, 0.5), (-5.0, 1.0)],
        options={"maxiter": _ITERATIONS},
    )
    scales: Array = fitted.x
    return scales


def _prior_mean(count: int) -> Array:
    lengths = np.full(count, _MEAN_LENGTH + 0.5 * np.log(max(count, 1)))
    return np.concatenate([lengths, [0.0, -1.0, -1.0, -3.5, -3.0]])


def _prior_spread(count: int) -> Array:
    return np.concatenate([np.full(count, _LENGTH_SPREAD), [0.7, 1.0, 1.0, 1.0, 1.0]])


def _squared_by_parameter(features: Array, groups: Whole, count: int) -> Array:
    """Squared distances along each parameter, shape (D, N, N)."""
    squares = np.zeros((count, len(features), len(features)))
    for feature, parameter in enumerate(groups):
        column = features[:, feature]
        squares[parameter] += (column[:, None] - column[None, :]) ** 2
    return squares


def _unit(left: Points, right: Points, scales: _Scales, groups: Whole) -> Array:
    """Matérn 5/2 correlation of configurations, shape (N, M)."""
    weights = np.exp(-scales.length)[groups]
    a, b = left.features * weights, right.features * weights
    distance: Array = np.sum(a**2, axis=1)[:, None] + np.sum(b**2, axis=1)[None, :]
    distance -= 2.0 * a @ b.T  # in place from here on: most of the time goes into moving the matrix
    np.maximum(distance, 0.0, out=distance)
    np.sqrt(distance, out=distance)
    distance *= _ROOT5
    unit: Array = distance**2
    unit /= 3.0
    unit += 1.0 + distance
    np.negative(distance, out=distance)
    unit *= np.exp(distance, out=distance)
    return unit


def _kernel(unit: Array, early: Array, own: Array, scales: _Scales) -> Array:
    kernel: Array = (np.exp(2 * scales.final) + np.exp(2 * scales.early) * early) * unit
    kernel += np.exp(2 * scales.own) * own + _MEAN_VARIANCE * (1.0 + early)
    kernel[np.diag_indices_from(kernel)] += (
        np.exp(2 * scales.noise) + np.exp(2 * scales.blur) * np.diag(early) + 1e-6
    )
    return kernel


def _cholesky(kernel: Array) -> Array:
    factor: Array
    factor, failed = lapack.dpotrf(kernel, lower=1, clean=1)
    if failed:
        raise np.linalg.LinAlgError("not positive definite")
    return factor


def _loss(vector: Array, values: Array, distances: Array, early: Array, own: Array) -> tuple[float, Array]:
    """Negative logarithm of the posterior of the scales, and its gradient."""
    scales, count = _Scales.unpack(vector), len(distances)
    inverse_squares = np.exp(-2 * scales.length)
    squared = (inverse_squares @ distances.reshape(count, -1)).reshape(early.shape)
    distance = _ROOT5 * np.sqrt(np.maximum(squared, 0.0))
    decay = np.exp(-distance)
    unit = (1.0 + distance + distance**2 / 3.0) * decay
    try:
        chol = _cholesky(_kernel(unit, early, own, scales))
    except np.linalg.LinAlgError:
        return 1e10, np.zeros_like(vector)
    weights = lapack.dpotrs(chol, values, lower=1)[0]
    z = (vector - _prior_mean(count)) / _prior_spread(count)
    loss = 0.5 * values @ weights + np.sum(np.log(np.diag(chol))) + 0.5 * np.sum(z**2)
    inverse = lapack.dpotri(chol, lower=1)[0]
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    outer = inverse - np.outer(weights, weights)
    amplitude = np.exp(2 * scales.final) + np.exp(2 * scales.early) * early
    slope = outer * amplitude * (5.0 / 3.0) * (1.0 + distance) * decay
    gradient = np.empty_like(vector)
    gradient[:count] = 0.5 * inverse_squares * (distances.reshape(count, -1) @ slope.ravel())
    gradient[count] = np.exp(2 * scales.final) * np.sum(outer * unit)
    gradient[count + 1] = np.exp(2 * scales.early) * np.sum(outer * early * unit)
    gradient[count + 2] = np.exp(2 * scales.own) * np.sum(outer * own)
    gradient[count + 3] = np.exp(2 * scales.noise) * np.trace(outer)
    gradient[count + 4] = np.exp(2 * scales.blur) * np.sum(np.diag(outer) * np.diag(early))
    return float(loss), gradient + z / _prior_spread(count)
