import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from automl.adapters.optuna_search import SAMPLERS, OptunaSearcher
from automl.space import Condition, Parameter, ParameterKind, SearchSpace
from automl.types import Cause, Direction, Params, Report, TrialId, TrialRecord, TrialState

FLOAT, INT, BOOL, CHOICE = (
    ParameterKind.FLOAT,
    ParameterKind.INT,
    ParameterKind.BOOL,
    ParameterKind.CATEGORICAL,
)
MIXED = SearchSpace(
    (
        Parameter("lr", FLOAT, 1e-6, 1e-1, log=True, default=2e-4),
        Parameter("batch", INT, 1, 16, default=4),
        Parameter("proposals", INT, 50, 600, step=50, default=200),
        Parameter("size", INT, 8, 512, step=8, log=True, default=64),
        Parameter("dropout", FLOAT, 0.0, 0.45, step=0.1, default=0.1),
        Parameter("kind", CHOICE, choices=("adam", "sgd"), default="adam"),
        Parameter("momentum", FLOAT, 0.5, 0.99, default=0.9, condition=Condition({"kind": ("sgd",)})),
        Parameter("betas", CHOICE, choices=((0.9, 0.999), (0.9, 0.95), None), default=(0.9, 0.999)),
        Parameter("flip", BOOL, choices=(True, False), default=True),
    )
)
SMALL = SearchSpace(
    (
        Parameter("kind", CHOICE, choices=("adam", "sgd"), default="adam"),
        Parameter(
            "nesterov", BOOL, choices=(True, False), default=False, condition=Condition({"kind": ("sgd",)})
        ),
        Parameter("depth", INT, 1, 2, default=1),
    )
)


def make(space: SearchSpace, sampler: str = "asha", seed: int = 0) -> OptunaSearcher:
    return OptunaSearcher(space, sampler=sampler, direction=Direction.MAXIMIZE, seed=seed)


def score(params: Params) -> float:
    lr = params["lr"]
    assert isinstance(lr, float)
    return 80 - 10 * (math.log10(lr) + 3) ** 2


def play(searcher: OptunaSearcher, trials: int) -> list[Params]:
    played = []
    for number in range(trials):
        trial = TrialId(str(number))
        params = searcher.suggest(trial)
        assert params is not None
        report = Report(1, 1, score(params))
        searcher.observe(trial, report)
        searcher.tell(
            TrialRecord(
                trial, params, TrialState.SUCCEEDED, reports=(report,), value=report.value, best_epoch=1
            )
        )
        played.append(params)
    return played


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_trial_zero_is_the_default_spec(sampler: str) -> None:
    assert make(MIXED, sampler).suggest(TrialId("0")) == MIXED.defaults()


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_proposal_lies_in_the_space_on_its_grid_and_obeys_conditions(sampler: str) -> None:
    for params in play(make(MIXED, sampler), 30):
        assert ("momentum" in params) == (params["kind"] == "sgd")
        assert all(MIXED[name].contains(value) for name, value in params.items())
        assert int(params["proposals"]) % 50 == 0  # type: ignore[arg-type]
        assert int(params["size"]) % 8 == 0  # type: ignore[arg-type]
        assert round(float(params["dropout"]) * 10, 6).is_integer()  # type: ignore[arg-type]


def test_results_teach_the_model() -> None:
    played = play(make(MIXED, "asha", seed=1), 60)
    late = [score(params) for params in played[40:]]
    early = [score(params) for params in played[1:11]]
    assert sum(late) / len(late) > sum(early) / len(early) + 10


SCRIPT = """
import sys
sys.path.insert(0, {here!r})
from test_optuna_search import MIXED, make, play
print(play(make(MIXED, {sampler!r}, seed=7), 15))
"""


@pytest.mark.parametrize("sampler", ["random", "asha"])
def test_same_seed_gives_the_same_proposals_in_another_process(sampler: str) -> None:
    script = SCRIPT.format(here=str(Path(__file__).parent), sampler=sampler)
    env = {**os.environ, "PYTHONHASHSEED": "12345"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=env)
    assert done.stdout.strip() == str(play(make(MIXED, sampler, seed=7), 15))


def test_other_seeds_give_other_proposals() -> None:
    assert make(MIXED, seed=1).suggest(TrialId("1")) != make(MIXED, seed=2).suggest(TrialId("1"))


def test_proposal_depends_on_history_and_number_alone() -> None:
    """A searcher that was rebuilt from its history goes on like the one that was there."""
    whole = make(MIXED, seed=3)
    played = play(whole, 12)
    rebuilt = make(MIXED, seed=3)
    for number, params in enumerate(played):
        report = Report(1, 1, score(params))
        rebuilt.tell(
            TrialRecord(
                TrialId(str(number)),
                params,
                TrialState.SUCCEEDED,
                reports=(report,),
                value=report.value,
                best_epoch=1,
            )
        )
    assert rebuilt.suggest(TrialId("12")) == whole.suggest(TrialId("12"))


@pytest.mark.parametrize("sampler", ["random", "asha"])
def test_small_space_is_walked_once_and_then_exhausted(sampler: str) -> None:
    searcher = make(SMALL, sampler)
    proposals = [searcher.suggest(TrialId(str(number))) for number in range(8)]
    walked = [tuple(sorted(params.items())) for params in proposals if params is not None]
    assert (len(walked), len(set(walked)), proposals[6:]) == (6, 6, [None, None])


@pytest.mark.parametrize(
    ("cause", "counts"),
    [
        (Cause.OUT_OF_MEMORY, 1),
        (Cause.DIVERGED, 1),
        (Cause.BAD_SPEC, 1),
        (Cause.INFRASTRUCTURE, 0),
        (Cause.BAD_DATA, 0),
    ],
)
def test_bad_points_count_as_the_worst_and_lost_machines_are_forgotten(cause: Cause, counts: int) -> None:
    searcher = make(MIXED)
    bad = searcher.suggest(TrialId("0"))
    assert bad is not None
    searcher.tell(TrialRecord(TrialId("0"), bad, TrialState.FAILED, cause))
    for name, value in (("1", 40.0), ("2", 30.0)):
        good = searcher.suggest(TrialId(name))
        assert good is not None
        searcher.tell(TrialRecord(TrialId(name), good, TrialState.SUCCEEDED, value=value, best_epoch=1))
    values = sorted(trial.value for trial in searcher._study.trials if trial.value is not None)
    assert values == sorted([40.0, 30.0] + [40.0] * counts)


def test_trials_of_others_are_learned_from_too() -> None:
    searcher = make(MIXED)
    foreign = {"lr": 99.0, "kind": "lamb", "not_ours": 1}
    searcher.tell(TrialRecord(TrialId("7"), foreign, TrialState.SUCCEEDED, value=5.0, best_epoch=1))
    assert [trial.params for trial in searcher._study.trials] == [{"lr": 0.1, "kind": 0}]


def test_pending_trials_do_not_pile_up_on_one_point() -> None:
    searcher = make(MIXED, seed=5)
    play(searcher, 20)
    pending = [searcher.suggest(TrialId(str(number))) for number in range(20, 26)]
    rates = {params["lr"] for params in pending if params is not None}
    assert len(rates) == 6


@pytest.mark.torch
def test_gaussian_process_finds_the_optimum_of_a_plain_space(space: SearchSpace) -> None:
    renamed = SearchSpace((Parameter("lr", FLOAT, 1e-6, 1e-1, log=True, default=1e-6),))
    best = max(map(score, play(make(renamed, "bayesian", seed=2), 15)))
    assert best > 79.5
