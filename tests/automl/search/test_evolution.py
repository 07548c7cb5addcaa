from __future__ import annotations

from collections.abc import Callable

import numpy as np

from automl.search.encoding import Array
from automl.search.evolution import DifferentialEvolution
from automl.search.history import History
from automl.space import Parameter, ParameterKind, SearchSpace
from tests.fakes.told_history import told_history

NAMES = ("a", "b", "c", "d")
SPACE = SearchSpace(tuple(Parameter(name, ParameterKind.FLOAT, 0.0, 1.0, default=0.5) for name in NAMES))


def told(place: Callable[[int], float], trials: int = 12) -> History:
    """Trials with all values at one place each, the later the better."""
    return told_history((dict.fromkeys(NAMES, place(number)), float(number)) for number in range(trials))


def offspring(history: History, seeds: int = 200) -> Array:
    """Rows that evolution made, those of other sources left out."""
    found = (DifferentialEvolution(SPACE).rank(history, np.random.default_rng(seed)) for seed in range(seeds))
    return np.concatenate(
        [np.stack(list(one.positions)) for one in found if one.reason == "offspring of the best 6 trials"]
    )


def test_without_a_population_all_is_drawn() -> None:
    proposer, history = DifferentialEvolution(SPACE), told(lambda _: 0.3, trials=2)
    reasons = {proposer.rank(history, np.random.default_rng(seed)).reason for seed in range(40)}
    assert reasons == {"drawn around what is expected", "drawn at random"}


def test_a_population_that_became_alike_still_gets_somewhere_else() -> None:
    values = offspring(told(lambda _: 0.3)).ravel()
    elsewhere = values[np.abs(values - 0.3) > 1e-9]
    assert 0.12 < len(elsewhere) / len(values) < 0.18
    assert np.allclose(np.quantile(elsewhere, (0.1, 0.5, 0.9)), (0.1, 0.5, 0.9), atol=0.05)


def test_offspring_lie_around_the_better_trials() -> None:
    values = offspring(told(lambda number: number / 12))
    assert np.median(values) > 0.65


def test_a_third_is_made_without_the_population() -> None:
    history = told(lambda number: number / 12)
    proposer = DifferentialEvolution(SPACE)
    reasons = [proposer.rank(history, np.random.default_rng(seed)).reason for seed in range(300)]
    assert 170 < reasons.count("offspring of the best 6 trials") < 230
