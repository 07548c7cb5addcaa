"""Rank correlation beside what chance alone shows."""

from pathlib import Path

import pytest
from fake_study import trial, write_study

from automl.report.influence import _ranks, rank_influences
from automl.report.material import read_material


def test_equal_values_share_their_rank() -> None:
    assert list(_ranks([3.0, 1.0, 3.0, 9.0])) == [1.5, 0.0, 1.5, 3.0]  # type: ignore[arg-type]


def test_what_the_metric_follows_stands_first_and_noise_is_called_so(tmp_path: Path) -> None:
    noise = [3, 7, 1, 8, 2, 6, 4, 5]
    events = [
        event
        for i in range(8)
        for event in trial(str(i), [10.0 * i], params={"a.noise": noise[i], "a.lr": 10.0**-i})
    ]
    found = rank_influences(read_material(write_study(tmp_path / "s", events)))
    assert found is not None
    assert found.names == ("a.lr", "a.noise")
    assert found.caption.startswith("lr went with the metric most closely.")
    assert "-1.00, lower is better, 8 trials" in found.chart
    assert "+0.10, within chance, 8 trials" in found.chart


@pytest.mark.parametrize("trials", [0, 3])
def test_too_few_trials_say_nothing(tmp_path: Path, trials: int) -> None:
    events = [event for i in range(trials) for event in trial(str(i), [float(i)])]
    assert rank_influences(read_material(write_study(tmp_path / "s", events))) is None
