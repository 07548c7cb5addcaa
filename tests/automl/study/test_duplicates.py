"""Parameters that are proposed again get a seed that their other trainings did not have."""

from typing import Any

import pytest

from automl.ports import Proposal
from automl.study.duplicates import give_fresh_seed
from automl.study.events import TrialSuggested
from automl.study.state import StudyState
from automl.types import Direction, Metric, Origin, Role, TrialId


def suggested(name: str, lr: float, **fields: Any) -> TrialSuggested:
    return TrialSuggested(TrialId(name), {"lr": lr}, **fields)


def state(*events: TrialSuggested) -> StudyState:
    found = StudyState(Metric("AP11", Direction.MAXIMIZE))
    for event in events:
        found.apply(event, 1.0)
    return found


def test_new_parameters_keep_the_seed_of_the_study() -> None:
    new = Proposal({"lr": 0.2})
    assert give_fresh_seed(new, state(suggested("0", 0.1))) is new


@pytest.mark.parametrize(("seeds", "fresh"), [([0], 1000), ([0, 1000], 1001)])
def test_second_training_of_the_same_parameters_is_a_repeat_on_another_seed(
    seeds: list[int], fresh: int
) -> None:
    past = state(*(suggested(str(k), 0.1, seed=seed) for k, seed in enumerate(seeds)))
    found = give_fresh_seed(Proposal({"lr": 0.1}), past)
    assert (found.seed, found.reason) == (fresh, f"proposed again; trial 0 on seed {fresh}")


def test_seeds_of_the_finals_and_trials_that_go_on_from_a_checkpoint_do_not_count() -> None:
    origin = Origin(TrialId("0"), 3)
    others = state(suggested("1", 0.1, seed=1, role=Role.CONFIRM), suggested("2", 0.1, origin=origin))
    new = Proposal({"lr": 0.1})
    assert give_fresh_seed(new, others) is new
    gone_on = Proposal({"lr": 0.1}, origin)
    assert give_fresh_seed(gone_on, state(suggested("0", 0.1))) is gone_on
