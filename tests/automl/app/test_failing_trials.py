"""A study of whose trials a third fail, each of five in a way of its own, still names the right winner."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from failing_trainer import score, way_of
from fake_ports import RecordingTracker
from fake_skill import write_fake_skill

from automl.adapters.sequential import SequentialScheduler
from automl.app import run
from automl.request import RunRequest


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Fifteen trials."""
    folder: Path = tmp_path_factory.mktemp("failing")
    skill = write_fake_skill(folder / "skill")
    card = skill / "references" / "skill_info.yaml"
    card.write_text(card.read_text().replace("/trainer.py", "/failing_trainer.py"))
    request = RunRequest(
        skill_dir=skill, results_dir=folder / "results", overrides=("dataset.test_file=none",),
        trials=15, max_epochs=3, seed=1, algorithm="auto",
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("automl.app.training._make_scheduler", lambda _: SequentialScheduler())
        patched.setattr("automl.app.training.make_tracker", lambda _: RecordingTracker())
        yield run(request).document


def test_the_best_of_those_that_trained_wins(document: dict[str, Any]) -> None:
    trained = {t["id"]: t["params"]["train.lr"] for t in document["trials"] if t["state"] == "succeeded"}
    best = max(trained, key=lambda trial: score(trained[trial]))
    assert (document["best"]["trial"], document["verdict"]["winner"]["trial"]) == (best, best)
    assert document["best"]["value"] == pytest.approx(score(trained[best]))
    assert score(trained[best]) > 88  # of 90; the default reaches 50


def test_each_failure_has_its_cause_and_only_what_was_killed_is_tried_again(document: dict[str, Any]) -> None:
    failed = {t["id"]: t["cause"] for t in document["trials"] if t["state"] == "failed"}
    assert failed == {"1": "out_of_memory", "4": "diverged", "11": "no_metric", "14": "no_metric"}
    assert way_of(7) == "killed"
    assert document["trials"][7]["epochs"] == 3


def test_what_a_diverged_trial_said_before_counts_for_nothing(document: dict[str, Any]) -> None:
    assert document["trials"][4]["value"] == 99.0
    assert document["best"]["value"] < 90
