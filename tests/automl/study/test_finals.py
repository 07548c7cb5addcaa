"""The finals: who is in them, in which order they run, and what the budget leaves them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_ports import ScriptedJob
from scripted_study import ScriptedStudy, repeats

from automl.study.finals import choose_finalists, gather_contenders, next_repeat
from automl.study.state import read_state
from automl.types import Budget, Direction, Metric, Role, TrialId, TrialRecord, TrialState

AP = Metric("AP11", Direction.MAXIMIZE)
LOSS = Metric("loss", Direction.MINIMIZE)


def trial(
    name: str, value: float | None, state: TrialState = TrialState.SUCCEEDED, **fields: Any
) -> TrialRecord:
    return TrialRecord(TrialId(name), fields.pop("params", {"lr": name}), state, value=value, **fields)


def repeat(of: str, seed: int, value: float | None, state: TrialState = TrialState.SUCCEEDED) -> TrialRecord:
    return trial(f"{of}{seed}", value, state, params={"lr": of}, role=Role.CONFIRM, seed=seed)


RECORDS = [
    trial("0", 50.0),
    trial("1", 70.0, TrialState.FAILED),
    trial("2", 60.0, TrialState.PRUNED),
    trial("3", 40.0),
    trial("4", None),
    trial("5", 55.0, params={"lr": "2"}),
]


def names(records: Sequence[TrialRecord]) -> list[str]:
    return [record.id for record in records]


def test_finalists_are_the_best_that_did_not_fail_each_configuration_once() -> None:
    assert names(choose_finalists(RECORDS, AP, 3)) == ["2", "3"]
    assert names(choose_finalists(RECORDS, LOSS, 1)) == ["3"]


def test_repeats_come_seed_by_seed_with_the_default_first() -> None:
    records, seen = list(RECORDS), []
    while (new := next_repeat(records, AP, Budget(6, 9, seeds=2, finalists=2))) is not None:
        seen.append((new.params["lr"], new.seed, new.reason))
        records.append(repeat(str(new.params["lr"]), new.seed, 1.0))
    assert [(name, seed) for name, seed, _ in seen] == [
        ("0", 1), ("2", 1), ("3", 1), ("0", 2), ("2", 2), ("3", 2),
    ]  # fmt: skip
    assert seen[4][2] == "trial 2 again, on seed 2 of 2"


@pytest.mark.parametrize("budget", [Budget(6, 9), Budget(6, 9, seeds=0, finalists=3)])
def test_without_seeds_there_are_no_finals(budget: Budget) -> None:
    assert (next_repeat(RECORDS, AP, budget), budget.repeats) == (None, 0)


def test_default_alone_has_nobody_to_be_compared_with() -> None:
    assert next_repeat(RECORDS[:1], AP, Budget(6, 9, seeds=2, finalists=2)) is None


def test_repeat_that_was_cut_short_says_nothing_and_one_that_failed_is_counted() -> None:
    records = [
        *RECORDS,
        repeat("2", 2, 61.0),
        repeat("2", 1, 59.0, TrialState.CANCELLED),
        repeat("2", 3, 8.0, TrialState.FAILED),
        repeat("0", 1, 49.0),
    ]
    default, finalist = gather_contenders(records, AP)
    assert (default.record.id, default.values, default.failures) == ("0", (49.0,), 0)
    assert (finalist.record.id, finalist.values, finalist.failures) == ("2", (61.0,), 1)


NOISE = {1: 1.0, 2: -1.0}


def test_finalists_and_default_are_trained_again_after_the_search(tmp_path: Path) -> None:
    study = ScriptedStudy(tmp_path, [10.0], [50.0], [30.0], noise=NOISE, seeds=2, finalists=1)
    state = study.run()
    assert repeats(state) == [
        (10.0, 1, "succeeded"), (50.0, 1, "succeeded"), (10.0, 2, "succeeded"), (50.0, 2, "succeeded"),
    ]  # fmt: skip
    assert [state.records[TrialId(t)].value for t in "3456"] == [11.0, 51.0, 9.0, 49.0]
    assert (state.incumbent and state.incumbent.id, state.trials_begun) == ("1", 3)


def test_strategy_hears_nothing_of_the_finals(tmp_path: Path) -> None:
    study = ScriptedStudy(tmp_path, [10.0], [50.0], seeds=1, finalists=1)
    study.run()
    assert [name for _, name in study.ports.strategy.calls] == ["0", "0", "1", "1"]  # type: ignore[attr-defined]
    assert len(study.ports.strategy.observed) == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("epochs", "searched", "repeated"),
    [
        (20, 12, 8),  # 2 seeds of two contenders at 2 epochs are kept back
        (12, 6, 6),  # never more than half; what does not fit whole is not begun
        (10, 5, 4),
    ],
)
def test_epochs_of_the_finals_are_kept_back(
    tmp_path: Path, epochs: int, searched: int, repeated: int
) -> None:
    curves = [[float(k), float(k)] for k in range(1, 15)]
    study = ScriptedStudy(tmp_path, *curves, epochs=epochs, seeds=2, finalists=1)
    spent = {Role.SEARCH: 0, Role.CONFIRM: 0}
    for record in study.run().records.values():
        spent[record.role] += record.epochs
    assert (spent[Role.SEARCH], spent[Role.CONFIRM]) == (searched, repeated)


class InterruptedJob(ScriptedJob):
    """The user presses Ctrl-C in the second repeat."""

    def next_report(self) -> Any:
        if self.folder.root.name == "3":
            raise KeyboardInterrupt
        return super().next_report()


def test_interrupted_finals_go_on_where_they_were(tmp_path: Path) -> None:
    study = ScriptedStudy(tmp_path, [10.0], [50.0], noise=NOISE, seeds=2, finalists=1)
    whole = study.plan
    study.plan = replace(whole, make_job=InterruptedJob)
    with pytest.raises(KeyboardInterrupt):
        study.run()
    study.plan = whole
    state = study.run()
    assert [outcome for *_, outcome in repeats(state)] == ["succeeded"] * 4
    assert read_state(study.folder.events, AP).verdict == state.verdict
    assert state.verdict is not None
    assert state.verdict["seeds"] == 2


def test_only_default_and_winner_keep_their_checkpoints_when_all_is_over(tmp_path: Path) -> None:
    study = ScriptedStudy(tmp_path, [10.0], [50.0], [49.0], [5.0], seeds=1, finalists=2)
    study.run()
    assert [study.checkpoints(str(k)) for k in range(7)] == [[1], [1], [], [], [], [], []]


def test_finals_may_name_another_winner_than_the_search(tmp_path: Path) -> None:
    study = ScriptedStudy(
        tmp_path, [10.0], [50.0], [49.0], cursed={(50.0, 1): "diverged"}, seeds=1, finalists=2
    )
    state = study.run()
    assert state.incumbent is not None
    assert state.verdict is not None
    assert (state.incumbent.id, state.verdict["winner"]["trial"]) == ("1", "2")
    assert (study.folder.best / "checkpoint.pth").read_text() == "weights of epoch 1"
    assert "curve:\n- 49.0" in (study.folder.best / "spec.yaml").read_text()
