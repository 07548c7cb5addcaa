"""A trial in a paragraph, whatever became of it."""

from dataclasses import replace
from pathlib import Path

import pytest
from fake_study import METRIC, finished_study, trial, write_study

from automl.report.explanation import Explanation, explain_trial
from automl.study.events import TrialEnded, TrialPaused, TrialQueued, TrialStarted
from automl.study.state import read_state
from automl.study.store import StudyFolder
from automl.types import Cause, Constraint, Origin, Role, TrialId, TrialState


def explain(folder: StudyFolder, name: str) -> Explanation:
    state = read_state(folder.events, METRIC)
    return explain_trial(folder, folder.read_sheet(), state, state.records[TrialId(name)])


def test_a_winner_is_set_against_the_default(tmp_path: Path) -> None:
    assert explain(finished_study(tmp_path / "s"), "2").paragraph == (
        "Trial 2 tried lr = 0.001 (default 1e-05). It was suggested because: near the best so far. "
        "It finished all of its 5 epochs in 60 s. Its best AP11 was 60.00 at epoch 4: 40.00 better than the "
        "default (20.00), the best of 3 trials with a score."
    )


def test_a_stopped_trial_is_told_who_was_better(tmp_path: Path) -> None:
    found = explain(finished_study(tmp_path / "s"), "1")
    assert (
        found.ended
        == "It was stopped after epoch 3 of 5, where 2 of 2 other trials that came as far were better."
    )
    assert found.compared.endswith(
        "5.00 at epoch 2: 15.00 worse than the default (20.00), 55.00 worse than the best, trial 2 (60.00)."
    )


def test_a_failed_trial_says_its_last_words_and_a_remedy(tmp_path: Path) -> None:
    found = explain(finished_study(tmp_path / "s"), "3")
    assert found.ended == (
        'It failed after epoch 0 of 5 because it ran out of memory; its last words: "CUDA out of memory <b>".'
    )
    assert found.look_at[0].startswith("bound what needs memory, e.g. --param")


def test_the_default_is_what_others_are_measured_against(tmp_path: Path) -> None:
    found = explain(finished_study(tmp_path / "s"), "0")
    assert found.tried == "Trial 0 is the default spec, which every other trial is measured against."
    assert found.suggested == ""


def test_promotions_and_origins_are_told(tmp_path: Path) -> None:
    name = TrialId("1")
    life = trial("1", [4, 5, 6], origin=Origin(TrialId("0"), 2), reason="a copy of the best")[:-1]
    more = [
        TrialPaused(name, Cause.RUNG), TrialQueued(name, "among the best 1 of 3 at epoch 3"),
        TrialStarted(name), TrialEnded(name, TrialState.CANCELLED, Cause.BUDGET),
    ]  # fmt: skip
    found = explain(write_study(tmp_path / "s", [*trial("0", [1]), *life, *more]), "1")
    assert found.suggested == (
        "It was suggested because: a copy of the best. It began from epoch 2 of trial 0. "
        "It went on later: among the best 1 of 3 at epoch 3."
    )
    assert found.ended == "It was cancelled after epoch 3 of 5 because the budget was spent."


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        (1, "It waits for resources."),
        (2, "It runs and has finished 0 of 5 epochs."),
        (4, "It runs and has finished 2 of 5 epochs."),
    ],
)
def test_a_trial_under_way_says_how_far_it_is(tmp_path: Path, kept: int, expected: str) -> None:
    folder = write_study(tmp_path / "s", trial("0", [1, 2, 3])[:kept])
    assert explain(folder, "0").ended == expected


def test_a_repeat_names_its_seed(tmp_path: Path) -> None:
    repeat = trial("1", [3.0], role=Role.CONFIRM, seed=2, reason="finalist 2 on a fresh seed", params={})
    found = explain(write_study(tmp_path / "s", [*trial("0", [1.0]), *repeat]), "1")
    assert found.suggested == "It repeats a finalist with seed 2: finalist 2 on a fresh seed."
    assert found.compared == "Its best AP11 was 3.00 at epoch 1: 2.00 better than the default (1.00)."


def test_a_trial_that_broke_a_limit_all_along_says_which(tmp_path: Path) -> None:
    folder = write_study(tmp_path / "s", trial("0", [40.0], TrialState.PRUNED, Cause.EARLY_STOPPED))
    metric = replace(METRIC, constraints=(Constraint("latency_ms", is_upper=True, bound=50.0),))
    state = read_state(folder.events, metric)
    found = explain_trial(folder, folder.read_sheet(), state, state.records[TrialId("0")])
    assert found.compared == "None of its epochs counts: latency_ms <= 50 is asked for, not measured."


def test_a_trial_without_a_score_says_so(tmp_path: Path) -> None:
    life = trial("0", [None], TrialState.FAILED, Cause.NO_METRIC)
    found = explain(write_study(tmp_path / "s", life), "0")
    assert found.compared == "It has no AP11 to compare."
    assert "because it never reported the metric" in found.ended
