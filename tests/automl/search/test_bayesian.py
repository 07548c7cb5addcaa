"""Where Gaussian-process searches go before there is enough to model."""

import numpy as np
import pytest
from scipy.integrate import trapezoid
from scipy.stats import norm

from automl.search.bayesian import EXPECTED_IMPROVEMENT, ModelSearch
from automl.search.curve_model import CurveModel, Outlook, share_beaten
from automl.search.gaussian_process import GaussianProcess, Points
from automl.search.history import History
from automl.space import Parameter, ParameterKind, SearchSpace
from automl.study.state import DEFAULT_TRIAL
from automl.types import TrialId, TrialState
from tests.fakes.fake_study import METRIC
from tests.fakes.told_history import told_history

SPACE = SearchSpace(
    tuple(Parameter(name, ParameterKind.FLOAT, 0.0, 1.0, default=0.1) for name in ("a", "b", "c", "d"))
)


def told(*values: float) -> History:
    """A history of trials that came to these values in one epoch; the first is the default."""
    others = ({p.name: 0.2 * number for p in SPACE} for number in range(1, len(values)))
    return told_history(zip((SPACE.defaults(), *others), values, strict=True), state=TrialState.PAUSED)


def first_draws(history: History) -> tuple[float, str]:
    """Share of values within a fifth of the default's, over many proposals, and why they were made."""
    proposer = ModelSearch(CurveModel(SPACE, 9), EXPECTED_IMPROVEMENT)
    ranked = [proposer.rank(history, np.random.default_rng(seed)) for seed in range(200)]
    rows = np.stack([next(iter(liked.positions)) for liked in ranked])
    return float((np.abs(rows - 0.1) < 0.2).mean()), ranked[0].reason


def test_a_default_that_nothing_beats_is_drawn_around() -> None:
    near, reason = first_draws(told(50.0, 20.0, 49.0))
    assert near > 0.3
    assert reason == "drawn around the default: too few trials to model"


def test_a_default_that_was_beaten_once_holds_nobody_back() -> None:
    near, reason = first_draws(told(50.0, 20.0, 51.0))
    assert near < 0.2
    assert reason == "drawn at random, for the default is no better: too few trials to model"


@pytest.mark.parametrize(
    ("values", "share"), [((50.0,), None), ((50.0, 20.0), 1.0), ((50.0, 20.0, 60.0), 0.5), ((0.0, 0.0), 0.0)]
)
def test_the_share_that_the_default_beats(values: tuple[float, ...], share: float | None) -> None:
    assert share_beaten(told(*values)) == share


def test_the_default_alone_is_compared_with_nobody() -> None:
    assert TrialId("0") == DEFAULT_TRIAL
    assert share_beaten(History(METRIC)) is None


def outlook_with(noise: float) -> Outlook:
    """Ten trials, each a little better than the one to its left, in the left third of one parameter."""
    features = np.linspace(0.0, 0.3, 10)[:, None]
    values = np.linspace(-1.0, 1.0, 10)
    points = Points(features, np.zeros((10, 1)), np.arange(10))
    vector = np.array([np.log(0.3), 0.0, -3.0, -3.0, np.log(noise), -3.0])
    process = GaussianProcess(points, values, vector, np.array([0]))
    return Outlook(process, [], features, process.predict_mean(features), None, 0.0)


@pytest.mark.parametrize("noise", [0.02, 0.5])
def test_an_improvement_counts_above_what_noise_alone_could_bring(noise: float) -> None:
    outlook, asked = outlook_with(noise), np.array([[0.1], [0.32], [0.6]])
    gain = EXPECTED_IMPROVEMENT.make(CurveModel(SPACE, 9), outlook, History(METRIC), np.random.default_rng(0))
    bar = outlook.means.max() + noise
    for mean, deviation, log_gain in zip(*outlook.process.predict(asked), gain(asked), strict=True):
        reached = np.linspace(bar, bar + 8.0, 200_001)
        integral = trapezoid((reached - bar) * norm.pdf(reached, mean, deviation), reached)
        assert np.exp(log_gain) == pytest.approx(integral, rel=1e-3, abs=1e-9)
