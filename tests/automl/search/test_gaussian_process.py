import numpy as np
import pytest

from automl.search import gaussian_process
from automl.search.gaussian_process import GaussianProcess, Points, fit_process

GROUPS = np.array([0, 1])


def final_points(features: np.ndarray) -> Points:
    return Points(features, np.zeros((len(features), 1)), np.arange(len(features)))


def test_gradient_is_that_of_the_loss() -> None:
    rng = np.random.default_rng(0)
    features, early = rng.random((15, 2)), rng.random((15, 3))
    owner, values = rng.integers(0, 6, 15), rng.standard_normal(15)
    distances = gaussian_process._squared_by_parameter(features, GROUPS, 2)
    gram = early @ early.T
    own = gram * (owner[:, None] == owner[None, :])
    vector = gaussian_process._prior_mean(2) + 0.1 * rng.standard_normal(7)
    _, gradient = gaussian_process._loss(vector, values, distances, gram, own)
    for place in range(7):
        step = np.zeros(7)
        step[place] = 1e-5
        high, low = (
            gaussian_process._loss(vector + s, values, distances, gram, own)[0] for s in (step, -step)
        )
        assert gradient[place] == pytest.approx((high - low) / 2e-5, rel=1e-3, abs=1e-3)


def test_a_smooth_function_is_predicted_between_its_observations() -> None:
    rng = np.random.default_rng(1)
    features, asked = rng.random((40, 2)), rng.random((20, 2))
    truth = np.sin(4 * asked[:, 0])
    values = np.sin(4 * features[:, 0])
    process = GaussianProcess(
        final_points(features), values, fit_process(final_points(features), values, GROUPS), GROUPS
    )
    mean, deviation = process.predict(asked)
    assert np.abs(mean - truth).max() < 0.15
    assert deviation.max() < 0.3
    assert process.scales.length[1] > process.scales.length[0] + 0.5  # the second does not matter


def test_a_plane_through_few_trials_is_not_believed_where_nobody_was() -> None:
    """Values that rise to one end say little of the middle, so the search does not end in that corner."""
    features, asked = np.random.default_rng(0).random((9, 5)), np.full((2, 5), 0.5)
    features[:, 0] = [0.0, 0.05, 0.1, 0.15, 0.9, 0.93, 0.96, 0.98, 1.0]
    asked[:, 0] = 0.5, 0.96
    values = 2.4 * (features[:, 0] - features[:, 0].mean())
    points, groups = final_points(features), np.arange(5)
    process = GaussianProcess(points, values, fit_process(points, values, groups), groups)
    middle, end = process.predict(asked)[1]
    assert middle > 0.3
    assert end < 0.5 * middle


def test_where_the_process_believes_a_value_it_is_sure() -> None:
    rng = np.random.default_rng(2)
    features, place = rng.random((8, 2)), np.array([[0.95, 0.95]])
    values = features.sum(axis=1) - 1.0
    points = final_points(features)
    process = GaussianProcess(points, values, fit_process(points, values, GROUPS), GROUPS)
    before, after = process.predict(place), process.believing(place).predict(place)
    assert after[0] == pytest.approx(before[0], abs=0.02)
    assert after[1] < 0.5 * before[1]


def test_parallel_early_curves_tell_the_last_value() -> None:
    """Trials that were seen early only are ranked by it once others have shown what that is worth."""
    rng = np.random.default_rng(3)
    count = 12
    features = rng.random((count, 2))
    final = 2 * features[:, 0]
    early = final - 1.0
    known = count - 3
    points = Points(
        np.concatenate([features, features[:known]]),
        np.concatenate([np.ones((count, 1)), np.zeros((known, 1))]),
        np.concatenate([np.arange(count), np.arange(known)]),
    )
    values = np.concatenate([early, final[:known]])
    process = GaussianProcess(points, values, fit_process(points, values, GROUPS), GROUPS)
    mean, _ = process.predict(features[known:])
    assert mean == pytest.approx(final[known:], abs=0.25)
