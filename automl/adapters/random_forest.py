"""The only door to scikit-learn: a regression by a random forest, and how well it does on unseen trials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.model_selection import GroupKFold, cross_val_predict

__all__ = ["Forest", "fit_forest"]

_TREES = 64
_FOLDS = 5
_SEED = 0


@dataclass(frozen=True)
class Forest:
    """A fitted forest.

    Attributes:
        skill: share of what the last column alone leaves open that is explained, for the last rows of trials
            that were left out of the fit; 0 is nothing, below that is worse.
    """

    skill: float
    model: Any

    def predict(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values of shape (N,) for rows of shape (N, F)."""
        return np.asarray(self.model.predict(rows), dtype=np.float64)


def fit_forest(rows: NDArray[np.float64], values: NDArray[np.float64], trials: NDArray[np.int64]) -> Forest:
    """Extremely randomised trees; the same data give the same forest.

    Args:
        rows: (N, F); the last column is the epoch.
        values: (N,).
        trials: (N,) which rows belong together, in order, so that no trial is held against itself.
    """
    model = ExtraTreesRegressor(_TREES, min_samples_leaf=2, random_state=_SEED, n_jobs=1)
    folds = GroupKFold(min(_FOLDS, len(np.unique(trials))))
    is_last = np.diff(trials, append=-1) != 0
    errors = [
        float(
            ((values - cross_val_predict(model, given, values, groups=trials, cv=folds)) ** 2)[is_last].mean()
        )
        for given in (rows, rows[:, -1:])
    ]
    skill = 1.0 - errors[0] / errors[1] if errors[1] > 0 else 0.0
    return Forest(skill, model.fit(rows, values))
