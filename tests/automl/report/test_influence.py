"""Rank correlation beside what chance alone shows."""

from pathlib import Path

import pytest
from fake_study import PARAMETER, trial, write_study

from automl.report.influence import _ranks, rank_influences
from automl.report.material import Material, read_material


def test_equal_values_share_their_rank() -> None:
    assert list(_ranks([3.0, 1.0, 3.0, 9.0])) == [1.5, 0.0, 1.5, 3.0]  # type: ignore[arg-type]


def study_of(root: Path, trials: int) -> Material:
    """The metric falls with the learning rate, whatever the noise; eight trials at most."""
    noise = [3, 7, 1, 8, 2, 6, 4, 5]
    events = [
        event
        for i in range(trials)
        for event in trial(str(i), [10.0 * i], params={"a.noise": float(noise[i]), "a.lr": 10.0**-i})
    ]
    parameters = [
        {**PARAMETER, "name": "a.noise", "low": 1.0, "high": 8.0, "log": False, "default": 3.0},
        {**PARAMETER, "name": "a.lr", "low": 1e-7, "high": 1.0, "default": 1.0},
    ]
    return read_material(write_study(root, events, parameters=parameters))


def test_importances_rank_what_matters_and_name_its_direction(tmp_path: Path) -> None:
    found = rank_influences(study_of(tmp_path / "s", 8))
    assert found is not None
    assert found.names == ("a.lr", "a.noise")
    assert "lower is better" in found.chart
    assert "from a surrogate over 8 trials" in found.caption


def test_with_few_trials_rank_correlation_stands_beside_chance(tmp_path: Path) -> None:
    found = rank_influences(study_of(tmp_path / "s", 5))
    assert found is not None
    assert found.names == ("a.lr", "a.noise")
    assert found.caption.startswith("lr went with the metric most closely.")
    assert "-1.00, lower is better, 5 trials" in found.chart
    assert "within chance, 5 trials" in found.chart


@pytest.mark.parametrize("trials", [0, 3])
def test_too_few_trials_say_nothing(tmp_path: Path, trials: int) -> None:
    events = [event for i in range(trials) for event in trial(str(i), [float(i)])]
    assert rank_influences(read_material(write_study(tmp_path / "s", events))) is None
