import pytest
from played_study import AP11, play

from automl.search.population import PopulationTraining
from automl.space import Parameter, ParameterKind, SearchSpace
from automl.study.state import DEFAULT_TRIAL
from automl.types import Cause, Params, TrialState

SPACE = SearchSpace(
    (
        Parameter("x", ParameterKind.FLOAT, 0.0, 1.0, default=0.1),
        Parameter("kind", ParameterKind.CATEGORICAL, choices=("a", "b", "c"), default="a"),
    )
)


def strategy(size: int = 8) -> PopulationTraining:
    return PopulationTraining(SPACE, AP11, max_epochs=9, size=size, seed=3)


def curve(params: Params) -> list[float]:
    x = params["x"]
    assert isinstance(x, float)
    return [epoch * (1 - (x - 0.8) ** 2) for epoch in range(1, 10)]


@pytest.mark.parametrize("workers", [1, 5])
def test_losers_go_on_from_better_members_checkpoints(workers: int) -> None:
    study = play(strategy(), curve, trials=8, epochs=9, workers=workers)
    records = study.state.records
    heirs = [record for record in records.values() if record.origin]
    assert len(heirs) == 16  # a quarter of eight, after each of eight turns
    for heir in heirs:
        assert heir.origin is not None
        parent = records[heir.origin.trial]
        assert heir.origin.epoch in {report.epoch for report in parent.reports}
        assert heir.reports[0].epoch == heir.origin.epoch + 1
        assert f"trial {parent.id} perturbed" in heir.reason
    assert sum(record.state is TrialState.SUCCEEDED for record in records.values()) == 8
    assert study.state.epochs_total == 72


def test_the_default_is_trained_to_its_end() -> None:
    study = play(strategy(), curve, trials=8, epochs=9)
    assert study.state.records[DEFAULT_TRIAL].epochs == 9


def test_a_population_goes_on_without_members_that_failed() -> None:
    study = play(strategy(), lambda p: Cause.DIVERGED if p["kind"] == "c" else curve(p), trials=8, epochs=9)
    assert sum(record.state is TrialState.SUCCEEDED for record in study.state.records.values()) >= 4


def test_the_next_population_begins_around_the_best() -> None:
    study = play(strategy(4), curve, trials=20, epochs=9)
    second = [record for record in study.state.records.values() if "perturbed" in record.reason]
    assert any(record.reason == "the best so far, perturbed" for record in second)
