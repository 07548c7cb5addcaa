"""How sure one may be that a difference of means is no chance, when each mean is of a few trainings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["CONFIDENCE", "Comparison", "compare_with_control"]

CONFIDENCE = 0.95
"""One-sided: the probability from which on a difference counts as real; its interval holds 90 %."""
_DRAWS = 200_000
_SEED = 1955


@dataclass(frozen=True)
class Comparison:
    """A treatment against a control.

    Attributes:
        difference: mean of the treatment less that of the control.
        interval: between these bounds lies the true difference with 90 % confidence; None without spread.
        probability: that the treatment is truly better; None without spread.
    """

    difference: float
    interval: tuple[float, float] | None = None
    probability: float | None = None


def compare_with_control(
    control: Sequence[float], chosen: Sequence[float], *others: Sequence[float]
) -> Comparison:
    """Compare the best of several treatments with a control, allowing for its having been chosen.

    All groups are taken to have one variance, estimated from all of them together, since a group of two or
    three tells little of its own. The best of k means is held against the largest of k chance differences to
    the same control (Dunnett, "A multiple comparison procedure for comparing several treatments with a
    control", JASA 1955), drawn at random with a fixed seed. For one treatment that is Student's t.

    Args:
        control: at least one value; larger is better.
        chosen: at least one value of the treatment in question.
        others: values of the treatments that it was preferred to.
    """
    groups = [np.asarray(group, dtype=float) for group in (control, chosen, *others)]
    difference = float(groups[1].mean() - groups[0].mean())
    freedom = sum(len(group) - 1 for group in groups)
    squares = sum(float(((group - group.mean()) ** 2).sum()) for group in groups)
    if freedom == 0 or squares == 0.0:
        return Comparison(difference)
    shares = np.array([1 / len(group) for group in groups])
    chances = _largest_chance_differences(shares, freedom)
    error = float(np.sqrt(squares / freedom * (shares[0] + shares[1])))
    reach = float(np.quantile(chances, CONFIDENCE)) * error
    probability = float((chances < difference / error).mean())
    return Comparison(difference, (difference - reach, difference + reach), probability)


def _largest_chance_differences(shares: NDArray[np.float64], freedom: int) -> NDArray[np.float64]:
    """Draws of the largest t of all treatments against one control when none differs from it."""
    draws = np.random.default_rng(_SEED)
    means = draws.standard_normal((_DRAWS, len(shares))) * np.sqrt(shares)
    spread = np.sqrt(draws.chisquare(freedom, _DRAWS) / freedom)
    differences = (means[:, 1:] - means[:, :1]) / np.sqrt(shares[1:] + shares[0])
    return np.asarray(differences.max(axis=1) / spread)
