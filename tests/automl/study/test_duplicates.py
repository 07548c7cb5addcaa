"""Parameters that are proposed again get a seed that their other trainings did not have."""

from typing import Any

import pytest

from automl.ports import Proposal
from automl.study.duplicates import give_fresh_seed
from automl.types import Origin, Role, TrialId, TrialRecord


def record(name: str, lr: float, **fields: Any) -> TrialRecord:
    return TrialRecord(TrialId(name), {"lr": lr}, **fields)


def test_new_parameters_keep_the_seed_of_the_study() -> None:
    new = Proposal({"lr": 0.2})
    assert give_fresh_seed(new, [record("0", 0.1)]) is new


@pytest.mark.parametrize(("seeds", "fresh"), [([0], 1000), ([0, 1000], 1001)])
def test_second_training_of_the_same_parameters_is_a_repeat_on_another_seed(
    seeds: list[int], fresh: int
) -> None:
    records = [record(str(k), 0.1, seed=seed) for k, seed in enumerate(seeds)]
    found = give_fresh_seed(Proposal({"lr": 0.1}), records)
    assert (found.seed, found.reason) == (fresh, f"proposed again; trial 0 on seed {fresh}")


def test_seeds_of_the_finals_and_trials_that_go_on_from_a_checkpoint_do_not_count() -> None:
    origin = Origin(TrialId("0"), 3)
    others = [record("1", 0.1, seed=1, role=Role.CONFIRM), record("2", 0.1, origin=origin)]
    new = Proposal({"lr": 0.1})
    assert give_fresh_seed(new, others) is new
    gone_on = Proposal({"lr": 0.1}, origin)
    assert give_fresh_seed(gone_on, [record("0", 0.1)]) is gone_on
