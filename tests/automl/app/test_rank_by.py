"""One rule in every place: what ranks, what is kept, what the tracker shows, and what ``--json`` says."""

import json
from pathlib import Path
from typing import Any

import pytest
from fake_skill import write_fake_skill
from mlflow import MlflowClient

from automl.adapters.sequential import SequentialScheduler
from automl.app import run
from automl.request import RunRequest

DECADES = {"1e-05": 2, "0.0001": 1, "0.001": 0}  # from the best learning rate
SWING = 30.0  # at the second of three epochs


def stood(learning_rate: str, rank_by: str) -> tuple[float, int]:
    """Value and epoch that stand for a trial, by hand."""
    decades = DECADES[learning_rate]
    final = 90.0 - 20.0 * decades
    curve = [final / 3, final * 2 / 3 + SWING * decades, final]
    if rank_by == "best":
        return max(curve), 1 + curve.index(max(curve))
    return (curve[2], 3) if rank_by == "last" else ((curve[1] + curve[2]) / 2, 3)


@pytest.fixture(scope="module", params=["best", "last", "mean:2"])
def study(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Three learning rates; the farther one is off, the higher its second epoch."""
    folder: Path = tmp_path_factory.mktemp("study")
    asked = RunRequest(
        skill_dir=write_fake_skill(folder / "skill"), results_dir=folder / "results", rank_by=request.param,
        overrides=("dataset.test_file=none", f"train.swing={SWING}"), trials=3, confirm_top=1, seeds=1,
        params=("train.lr=0.00001,0.0001,0.001",), algorithm="grid",
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("automl.app.training._make_scheduler", lambda _: SequentialScheduler())
        return run(asked).document


def expected(study: dict[str, Any]) -> dict[str, tuple[float, int]]:
    searched = [trial for trial in study["trials"] if trial["role"] == "search"]
    return {trial["id"]: stood(str(trial["params"]["train.lr"]), study["rank_by"]) for trial in searched}


def test_value_and_epoch_of_each_trial_follow_the_rule(study: dict[str, Any]) -> None:
    found = {trial["id"]: (trial["value"], trial["best_epoch"]) for trial in study["trials"]}
    for trial, (value, epoch) in expected(study).items():
        assert found[trial] == (pytest.approx(value), epoch)


def test_the_best_by_the_rule_wins_and_its_checkpoint_is_the_one_kept(study: dict[str, Any]) -> None:
    winner = max(expected(study), key=lambda trial: expected(study)[trial][0])
    rate = study["best"]["params"]["train.lr"]
    assert study["best"]["trial"] == winner
    assert rate == {"best": 1e-05, "last": 1e-03, "mean:2": 1e-03}[study["rank_by"]]
    checkpoint = json.loads(Path(study["best"]["checkpoint"]).read_text())
    assert checkpoint == {"epoch": expected(study)[winner][1], "lr": rate}
    metrics = json.loads((Path(study["results_dir"]) / "best" / "metrics.json").read_text())
    assert (metrics["value"], metrics["epoch"]) == (study["best"]["value"], checkpoint["epoch"])


def test_the_tracker_sorts_trials_as_the_study_did(study: dict[str, Any]) -> None:
    client = MlflowClient(study["mlflow"]["tracking_uri"])
    runs = client.search_runs([study["mlflow"]["experiment_id"]])
    shown = {
        r.data.tags["trial"]: r.data.metrics["AP11"] for r in runs if "mlflow.parentRunId" in r.data.tags
    }
    assert shown == {trial["id"]: pytest.approx(trial["value"]) for trial in study["trials"]}
    assert client.get_run(study["mlflow"]["run_id"]).data.tags["rank_by"] == study["rank_by"]
