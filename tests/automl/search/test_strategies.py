"""What every algorithm promises, whatever it does inside."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import pytest
from played_study import AP11, PlayedStudy, play

from automl.app.strategy import STRATEGIES, make_strategy
from automl.planning.plan import SearchPlan
from automl.planning.sizing import AlgorithmChoice
from automl.ports import Promotion, Proposal, Strategy
from automl.search.catalogue import ALGORITHMS
from automl.space import Condition, Parameter, ParameterKind, SearchSpace
from automl.study.state import StudyState
from automl.study.telling import tell_strategy
from automl.types import Budget, Cause, Direction, Metric, Params, TrialId, TrialState

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
        Parameter("kind", CHOICE, choices=("adam", "sgd", "lion"), default="adam"),
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
EPOCHS = 9
SEEDS = 6
"""Of fewer, the mean of asha alone differs by a third from one processor's rounding to another's."""
LEARNS = sorted(STRATEGIES.keys() - {"random", "grid", "hyperband", "hyperband_es"})


def make(
    name: str, space: SearchSpace = MIXED, *, seed: int = 0, trials: int = 40, metric: Metric = AP11
) -> Strategy:
    budget = Budget(trials, EPOCHS)
    return make_strategy(SearchPlan(space, AlgorithmChoice(name, ""), budget, metric, seed, concurrent=1))


def curve(params: Params) -> list[float]:
    """80 at a learning rate of 1e-3 with sgd, 70 with adam; less the further away in decades."""
    lr, kind = params.get("lr", 1e-3), params.get("kind")
    assert isinstance(lr, float)
    top = {"sgd": 80.0, "adam": 70.0}.get(str(kind), 60.0) * math.exp(-0.5 * (math.log10(lr) + 3) ** 2)
    return [top * (1 - 0.6**epoch) for epoch in range(1, EPOCHS + 1)]


def failing(params: Params) -> list[float] | Cause:
    """Large batches do not fit."""
    batch = params["batch"]
    assert isinstance(batch, int)
    return Cause.OUT_OF_MEMORY if batch > 8 else curve(params)


def test_every_algorithm_has_a_line_in_the_catalogue() -> None:
    assert set(STRATEGIES) == set(ALGORITHMS)


@pytest.mark.parametrize("name", STRATEGIES)
def test_trial_zero_is_the_default_spec(name: str) -> None:
    first = make(name).propose(TrialId("0"), is_full=False)
    assert isinstance(first, Proposal)
    assert (first.params, first.reason) == (MIXED.defaults(), "default spec")


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_proposal_lies_in_the_space_on_its_grid_and_says_why(name: str) -> None:
    study = play(make(name), curve, trials=20, epochs=EPOCHS, workers=4)
    for record in study.state.records.values():
        params = record.params
        assert ("momentum" in params) == (params["kind"] == "sgd")
        assert all(MIXED[key].contains(value) for key, value in params.items())
        assert int(params["proposals"]) % 50 == 0  # type: ignore[arg-type]
        assert int(params["size"]) % 8 == 0  # type: ignore[arg-type]
        assert round(float(params["dropout"]) * 10, 6).is_integer()  # type: ignore[arg-type]
        assert record.reason


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("name", STRATEGIES)
def test_the_same_past_gives_the_same_choices(name: str, workers: int) -> None:
    """A strategy that is told the events of the past goes on like the one that was there."""
    study = play(make(name), failing, trials=14, epochs=EPOCHS, workers=workers)
    retold, state, choices = make(name), StudyState(AP11), iter(study.choices)
    due = next(choices)
    for number, event in enumerate(study.events):
        if due is not None and due[0] == number:
            _, trial, choice = due
            assert retold.propose(trial, is_full=state.trials_begun >= 14) == choice
            due = next(choices, None)
        state.apply(event, float(number + 1))
        tell_strategy(retold, event, state)
    assert due is None


@pytest.mark.parametrize("name", STRATEGIES)
def test_asking_leaves_no_trace(name: str) -> None:
    study = play(make(name), curve, trials=7, epochs=EPOCHS)
    asked, quiet, state = make(name), make(name), StudyState(AP11)
    for number, event in enumerate(study.events):
        state.apply(event, float(number))
        for strategy in (asked, quiet):
            tell_strategy(strategy, event, state)
        asked.propose(TrialId(str(len(state.records))), is_full=False)
    assert asked.propose(TrialId("7"), is_full=False) == quiet.propose(TrialId("7"), is_full=False)


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("name", STRATEGIES)
def test_a_study_ends_with_nothing_left_that_could_win(name: str, workers: int) -> None:
    """When all trials were begun, the best that was ever measured has been trained to its last epoch."""
    study = play(make(name), curve, trials=12, epochs=EPOCHS, workers=workers)
    begun = study.state.trials_begun
    assert begun == 12
    if name != "pbt":
        assert sum(r.state is TrialState.SUCCEEDED for r in study.state.records.values()) >= 2
        incumbent = study.state.incumbent
        assert incumbent is not None
        assert incumbent.epochs == EPOCHS


def tops(name: str, seed: int) -> list[float]:
    """What each trial of a study with a poor default would reach, in their order."""
    poor = replace(MIXED["lr"], default=1e-5)
    space = SearchSpace((poor, *(parameter for parameter in MIXED if parameter.name != "lr")))
    study = play(make(name, space, seed=seed), curve, trials=60, epochs=EPOCHS, budget_epochs=240)
    return [curve(params)[-1] for params in study.params]


@pytest.fixture(scope="module")
def chance() -> float:
    """What draws that learn nothing reach on average."""
    return fmean(top for seed in range(SEEDS) for top in tops("random", seed))


@pytest.mark.parametrize("name", LEARNS)
def test_results_teach(name: str, chance: float) -> None:
    late = fmean(top for seed in range(SEEDS) for top in tops(name, seed)[-9:])
    assert late > 1.3 * chance


@pytest.mark.parametrize(
    ("relabel", "direction"),
    [
        (lambda value: value / 128, Direction.MAXIMIZE),
        (lambda value: value - 256, Direction.MAXIMIZE),
        (lambda value: value + 1024, Direction.MAXIMIZE),
        (lambda value: 128 - value, Direction.MINIMIZE),
    ],
    ids=["fraction", "negative", "far from zero", "loss"],
)
@pytest.mark.parametrize("name", STRATEGIES)
def test_unit_and_zero_of_a_metric_change_nothing(
    name: str, relabel: Callable[[float], float], direction: Direction
) -> None:
    """Values are multiples of 1/4096 and relabelled by powers of two, so not even rounding differs."""

    def measured(params: Params) -> list[float]:
        return [round(value * 4096) / 4096 for value in curve(params)]

    metric = Metric("other", direction)
    plain = play(make(name, seed=1), measured, trials=14, epochs=EPOCHS)
    other = play(
        make(name, seed=1, metric=metric),
        lambda params: [relabel(value) for value in measured(params)],
        trials=14,
        epochs=EPOCHS,
        metric=metric,
    )
    assert other.choices == plain.choices


@pytest.mark.parametrize("name", ["auto", "bayesian", "bfbo"])
def test_an_exploding_loss_hides_no_difference_between_the_others(name: str) -> None:
    def loss(params: Params) -> list[float]:
        return [1e6 if value < 5 else 10 - value / 10 for value in curve(params)]

    metric = Metric("loss", Direction.MINIMIZE)
    study = play(make(name, seed=1, metric=metric), loss, trials=30, epochs=EPOCHS, metric=metric)
    plain = play(make(name, seed=1), curve, trials=30, epochs=EPOCHS)
    best = [played.state.incumbent for played in (study, plain)]
    reached = [curve(record.params)[-1] for record in best if record is not None]
    assert reached[0] == pytest.approx(reached[1], abs=2.0)


@pytest.mark.parametrize("name", ["auto", "bayesian", "bfbo"])
def test_an_epoch_that_was_not_validated_counts_for_nothing(name: str) -> None:
    """Were it taken for 0, it would be the best of all where the metric is negative."""

    def lowered(by: float) -> PlayedStudy:
        def every_fourth(params: Params) -> list[float | None]:
            values = [round(value * 4096) / 4096 - by for value in curve(params)]
            return [value if epoch % 4 == 0 else None for epoch, value in enumerate(values, 1)]

        return play(make(name, seed=1), every_fourth, trials=14, epochs=EPOCHS)

    assert lowered(256.0).choices == lowered(0.0).choices


@pytest.mark.parametrize("name", ["auto", "bayesian", "bfbo"])
def test_what_cannot_be_trained_is_avoided(name: str) -> None:
    study = play(make(name, seed=2), failing, trials=40, epochs=EPOCHS)
    large = [params["batch"] > 8 for params in study.params]  # type: ignore[operator]
    assert sum(large[20:]) <= 4


@pytest.mark.parametrize("name", ["auto", "bayesian", "bfbo"])
def test_where_trainers_hang_is_left_too(name: str) -> None:
    """Where the best seems to lie nobody comes to an end: the search must not wait there for ever."""

    def hanging(params: Params) -> list[float] | Cause:
        return Cause.TIMEOUT if float(params["dropout"]) < 0.15 else curve(params)  # type: ignore[arg-type]

    study = play(make(name, seed=2), hanging, trials=40, epochs=EPOCHS)
    late = [params["dropout"] < 0.15 for params in study.params][20:]  # type: ignore[operator]
    assert sum(late) <= 4


@pytest.mark.parametrize("name", STRATEGIES)
def test_lost_machines_teach_nothing(name: str) -> None:
    study = play(make(name), lambda _: Cause.INFRASTRUCTURE, trials=6, epochs=EPOCHS)
    assert len(study.state.records) == 6


@pytest.mark.parametrize("name", sorted(STRATEGIES.keys() - {"pbt"}))
def test_no_configuration_is_proposed_twice_before_all_were_tried(name: str) -> None:
    study = play(make(name, SMALL), curve, trials=20, epochs=EPOCHS)
    tried = [tuple(sorted(params.items())) for params in study.params]
    assert len(tried) == len(set(tried)) == 6


SCRIPT = """
import sys
sys.path[:0] = [{here!r}, {fakes!r}]
from test_strategies import describe
print(describe({name!r}))
"""


def describe(name: str) -> str:
    study: PlayedStudy = play(make(name, seed=7), curve, trials=14, epochs=EPOCHS)
    chosen = [
        choice.trial if isinstance(choice, Promotion) else dict(choice.params) for *_, choice in study.choices
    ]
    return json.dumps(chosen)


@pytest.mark.slow
@pytest.mark.parametrize("name", STRATEGIES)
def test_same_seed_gives_the_same_study_in_another_process(name: str) -> None:
    here = Path(__file__).parent
    script = SCRIPT.format(here=str(here), fakes=str(here.parents[1] / "fakes"), name=name)
    env = {**os.environ, "PYTHONHASHSEED": "12345"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=env)
    assert done.stdout.strip() == describe(name)


@pytest.mark.parametrize("name", sorted(STRATEGIES.keys() - {"grid"}))
def test_other_seeds_give_other_studies(name: str) -> None:
    one, other = (play(make(name, seed=s), curve, trials=4, epochs=EPOCHS).params for s in (1, 2))
    assert one != other


def test_a_metric_that_falls_is_learned_alike() -> None:
    loss = Metric("loss", Direction.MINIMIZE)
    plan = SearchPlan(MIXED, AlgorithmChoice("auto", ""), Budget(30, EPOCHS), loss, 0, concurrent=1)
    study = play(make_strategy(plan), lambda params: [-v for v in curve(params)], trials=30, epochs=EPOCHS)
    tops = [curve(params)[-1] for params in study.params]
    assert sum(tops[-8:]) > sum(tops[1:9]) + 60
