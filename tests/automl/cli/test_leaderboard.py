"""The leaderboard of a study."""

from typing import Any

import pytest

from automl.cli.leaderboard import print_summary


def summary(trials: int) -> dict[str, Any]:
    """A study of so many trials, the later the better."""
    one = {"role": "search", "state": "succeeded", "cause": "", "epochs": 1, "params": {}}
    found = [{**one, "id": str(k), "value": float(k)} for k in range(trials)]
    return {
        "direction": "maximize", "metric": "AP11", "state": "finished", "trials": found, "verdict": None,
        "best": None, "mlflow": None, "results_dir": "results/study",
    }  # fmt: skip


def test_of_thousands_of_trials_the_best_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    print_summary(summary(3000))
    lines = capsys.readouterr().out.splitlines()
    ranks = [line.split()[0] for line in lines[1:201]]
    assert ranks == [str(k) for k in range(1, 201)]
    assert (lines[1].split()[1], lines[201]) == ("2999", "and 2800 more; --json lists all")


def test_all_of_a_few_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    print_summary(summary(3))
    assert "more" not in capsys.readouterr().out
