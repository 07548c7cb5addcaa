from dataclasses import replace

import numpy as np

from automl.search.beliefs import Belief
from automl.search.encoding import Encoding
from automl.space import Parameter, ParameterKind, Prior, SearchSpace

LR = Parameter("lr", ParameterKind.FLOAT, 1e-5, 1e-1, log=True, default=1e-3)
KIND = Parameter(
    "kind", ParameterKind.CATEGORICAL, choices=("a", "b", "c"), weights=(1.0, 1.0, 8.0), default="a"
)


def draws(*parameters: Parameter, count: int = 4000, **how: float) -> np.ndarray:
    belief = Belief(Encoding(SearchSpace(parameters)))
    return belief.draw(np.random.default_rng(0), count, **how)


def test_half_of_the_draws_keep_near_the_default() -> None:
    near = np.abs(draws(LR)[:, 0] - 0.5) < 0.24
    assert 0.7 < near.mean() < 0.78  # half of them, and the half of the others that lies there


def test_a_named_prior_takes_the_place_of_the_default() -> None:
    sure = replace(LR, prior=Prior(1e-2, 0.9))
    places = draws(sure, trust=1.0)[:, 0]
    assert (np.abs(places - 0.75) < 0.24).mean() > 0.9


def test_without_trust_the_whole_scale_is_drawn_alike() -> None:
    counts, _ = np.histogram(draws(LR, trust=0.0)[:, 0], bins=4, range=(0.0, 1.0))
    assert counts.min() > 900


def test_weights_say_how_often_a_choice_is_drawn() -> None:
    places = draws(KIND, trust=0.0)[:, 0]
    shares = [float((np.abs(places - (k + 0.5) / 3) < 0.1).mean()) for k in range(3)]
    assert np.allclose(shares, [0.1, 0.1, 0.8], atol=0.03)


def test_density_is_highest_where_people_expect_the_best() -> None:
    belief = Belief(Encoding(SearchSpace((LR, KIND))))
    at_default, far, rare = belief.log_density(np.array([[0.5, 1 / 6], [1.0, 1 / 6], [0.5, 0.5]]))
    assert at_default > far + 1.0
    assert at_default > rare + 1.0


def test_moves_change_something_and_stay_inside() -> None:
    belief = Belief(Encoding(SearchSpace((LR, KIND))))
    start = np.tile([[0.02, 0.5]], (500, 1))
    moved = belief.move(np.random.default_rng(1), start, 0.1)
    assert ((moved >= 0.0) & (moved <= 1.0)).all()
    assert (moved != start).any(axis=1).mean() > 0.6
    assert np.abs(moved[:, 0] - 0.02).max() < 0.5
