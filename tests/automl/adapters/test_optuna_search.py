import math

import numpy as np
import optuna
import pytest
from optuna.samplers import TPESampler

from automl.adapters.optuna_search import TreeParzen
from automl.search.history import History
from automl.space import Parameter, ParameterKind, SearchSpace
from automl.types import Cause, Report, TrialId, TrialRecord, TrialState
from tests.fakes.told_history import told_history

SPACE = SearchSpace(
    (
        Parameter("lr", ParameterKind.FLOAT, 1e-6, 1e-1, log=True, default=1e-5),
        Parameter("kind", ParameterKind.CATEGORICAL, choices=("adam", "sgd"), default="adam"),
    )
)


def told(values: dict[float, float], bad: tuple[float, ...] = ()) -> History:
    """A history of learning rates and what they reached, and of some that could not be trained."""
    history = told_history(({"lr": lr, "kind": "adam"}, value) for lr, value in values.items())
    for number, lr in enumerate(bad, len(values)):
        params = {"lr": lr, "kind": "adam"}
        history.tell(TrialRecord(TrialId(str(number)), params, TrialState.FAILED, Cause.OUT_OF_MEMORY))
    return history


def rates(history: History, *, drawn_share: float = 0.0, seeds: int = 10) -> list[float]:
    """Exponents of the learning rates that are proposed first."""
    estimator = TreeParzen(SPACE, drawn_share=drawn_share)
    firsts = [next(iter(estimator.rank(history, np.random.default_rng(s)).positions)) for s in range(seeds)]
    return [-6 + 5 * float(position[0]) for position in firsts]


HILL = {10.0**-e: 80 - 10 * (e - 3) ** 2 for e in (1.2, 1.8, 2.2, 2.6, 2.9, 3.1, 3.4, 3.8, 4.5, 5.0, 5.5)}


def test_proposals_gather_where_values_were_high() -> None:
    exponents = rates(told(HILL))
    assert sum(abs(exponent + 3) < 0.8 for exponent in exponents) >= 8


def test_what_could_not_be_trained_counts_as_the_worst() -> None:
    clean = rates(told(HILL), seeds=20)
    wary = rates(told(HILL, bad=(10**-2.8, 10**-2.7, 10**-2.5, 10**-2.4, 10**-2.6)), seeds=20)
    assert sum(e > -2.9 for e in wary) < sum(e > -2.9 for e in clean)


def test_few_trials_or_a_drawn_share_leave_it_to_the_prior() -> None:
    few = TreeParzen(SPACE, drawn_share=0.0).rank(told({1e-3: 1.0}), np.random.default_rng(0))
    share = TreeParzen(SPACE, drawn_share=1.0).rank(told(HILL), np.random.default_rng(0))
    assert few.reason == share.reason == "drawn around what is expected"


def test_foreign_values_are_taken_for_the_nearest() -> None:
    history = told(HILL)
    foreign = {"lr": 99.0, "kind": "lamb", "not_ours": 1}
    history.tell(
        TrialRecord(TrialId("77"), foreign, TrialState.SUCCEEDED, reports=(Report(1, 1, 99.0),), value=99.0)
    )
    assert max(rates(history)) > -2.0


def test_questions_are_answered_alike_however_often_they_are_asked() -> None:
    estimator, history = TreeParzen(SPACE, drawn_share=0.0), told(HILL)
    first, second = (list(estimator.rank(history, np.random.default_rng(5)).positions) for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("running", [0, 6])
def test_running_trials_keep_others_away(running: int) -> None:
    history = told(HILL)
    for number in range(running):
        history.adopt(TrialRecord(TrialId(f"9{number}"), {"lr": 10**-3.0, "kind": "adam"}))
    near = sum(abs(exponent + 3) < 0.25 for exponent in rates(history, seeds=20))
    assert near <= 4 if running else near >= 5
    assert math.isfinite(near)


def test_shown_trials_say_what_added_ones_would() -> None:
    history = told(HILL, bad=(10**-2.8,))
    for number in range(20, 26):
        history.adopt(TrialRecord(TrialId(str(number)), {"lr": 10.0 ** (-number / 6), "kind": "sgd"}))
    history.observe(TrialId("21"), Report(1, 1, 50.0))  # runs and was measured: shown as both
    shown = TreeParzen(SPACE, drawn_share=0.0)._study(history, seed=7)
    sampler = TPESampler(seed=7, n_startup_trials=0, multivariate=True, constant_liar=True)
    added = optuna.create_study(direction="maximize", sampler=sampler)
    added.add_trials(shown.get_trials())
    assert len(added.trials) == len(HILL) + 1 + 1 + 6
    for _ in range(3):
        one, other = (
            (trial.suggest_float("lr", 1e-6, 1e-1, log=True), trial.suggest_categorical("kind", (0, 1)))
            for trial in (shown.ask(), added.ask())
        )
        assert one == other


def test_a_trial_is_translated_once() -> None:
    estimator, history = TreeParzen(SPACE, drawn_share=0.0), told(HILL)
    first, second = (estimator._study(history, seed=seed).get_trials(deepcopy=False) for seed in (1, 2))
    assert [id(trial) for trial in first] == [id(trial) for trial in second]
