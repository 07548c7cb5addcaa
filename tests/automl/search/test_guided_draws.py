from __future__ import annotations

from collections import Counter

import numpy as np

from automl.search.guided_draws import GuidedDraws
from automl.search.history import History
from automl.space import Parameter, ParameterKind, SearchSpace
from tests.fakes.told_history import told_history

NAMES = ("a", "b", "c")
SPACE = SearchSpace(tuple(Parameter(name, ParameterKind.FLOAT, 0.0, 1.0, default=0.2) for name in NAMES))


def told(summit: float, trials: int = 12) -> History:
    """The default, and trials on the way from there to 0.9, the better the nearer to a summit."""
    places = [0.2 + 0.7 * number / max(1, trials - 1) for number in range(trials)]
    return told_history((dict.fromkeys(NAMES, place), 80 - 100 * abs(place - summit)) for place in places)


def sources(history: History, draws: int = 200) -> Counter[str]:
    """How often draws were made from each source."""
    proposer = GuidedDraws(SPACE)
    return Counter(proposer.rank(history, np.random.default_rng(seed)).reason for seed in range(draws))


def test_few_trials_leave_it_to_what_is_expected() -> None:
    assert sources(told(0.2, trials=4), 20) == {"drawn around what is expected": 20}


def test_a_good_default_is_still_drawn_around_when_it_was_beaten_by_a_little() -> None:
    found = sources(told(0.25))
    assert found["drawn around what is expected"] > 50
    assert 20 <= found["drawn at random"] <= 47


def test_a_poor_default_is_left_for_the_best() -> None:
    found = sources(told(0.9))
    assert found["drawn around trial 11, the best so far"] > 150
    assert found["drawn around what is expected"] < 5


def test_draws_around_the_best_keep_most_of_its_values() -> None:
    history, moved = told(0.9), list[int]()
    for seed in range(50):
        found = GuidedDraws(SPACE).rank(history, np.random.default_rng(seed))
        if found.reason == "drawn around trial 11, the best so far":
            rows = np.stack(list(found.positions))
            moved += (np.abs(rows - 0.9) > 1e-9).sum(axis=1).tolist()
            assert np.abs(rows - 0.9).mean() < 0.2
    assert min(moved) == 1
    assert sum(moved) / len(moved) < 2.3
