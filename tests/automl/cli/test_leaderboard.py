"""The leaderboard of a study."""

from typing import Any

import pytest

from automl.cli.leaderboard import print_job, print_summary


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


def test_an_interrupted_study_names_the_command_that_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    print_summary({**summary(1), "state": "interrupted", "results_dir": "/far/away/night"})
    assert "go on with\n  automl resume night --results-dir /far/away\n" in capsys.readouterr().out


def test_time_to_go_is_told_in_the_unit_that_fits(capsys: pytest.CaptureFixture[str]) -> None:
    print_summary({**summary(1), "state": "running", "forecast": {"remaining_s": 20.0}})
    assert "running; about 20 s to go\n" in capsys.readouterr().out


def test_counts_of_a_job_are_whole_and_measurements_have_two_digits(
    capsys: pytest.CaptureFixture[str],
) -> None:
    kpi = {"frames": 75, "AP11": 40.0}
    job = {"action": "inference", "state": "succeeded", "message": "done", "kpi": kpi, "results_dir": "r"}
    print_job(job)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert rows[2:4] == [["frames", "75"], ["AP11", "40.00"]]
