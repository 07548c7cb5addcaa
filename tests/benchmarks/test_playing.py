import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from playing import optuna_peer, ours, tao_peer
from playing.objectives import EPOCHS, OWN, OutOfMemoryError
from playing.ours import METRIC
from playing.peer import Ledger, scales
from playing.table import RowFile, Rules, line, play, play_missing

LATE, MISLED, POOR = OWN
RULES = Rules(epochs=60, workers=1, bench=None, tao_python=None)

FAKE_TAO = """
class Recommendation:
    def __init__(self, id, specs, origin=None):
        self.id, self.specs, self.resume_from_job_id = id, specs, origin

    def assign_job_id(self, job):
        self.job = job


class AutoML:
    def __init__(self, search_schema, settings, train_specs, **_):
        self.told, self.leaf = [], search_schema["properties"]["lr"]
        self.specs = {k: v for k, v in train_specs.items() if k != "train"}

    def next_recommendation(self):
        if not self.told:
            place = self.leaf["maximum"] * 3
            self.first = Recommendation(0, {**self.specs, "lr": place, "train.num_epochs": 3})
            return [self.first]
        if len(self.told) == 1:
            return [Recommendation(0, {**self.first.specs, "train.num_epochs": 9}, self.first.job)]
        return []

    def report_result(self, id, value, status="success"):
        self.told.append(value)
"""


def test_a_ledger_counts_epochs_and_names_the_best_observed() -> None:
    ledger = Ledger(3)
    for params, value in (({"lr": 1}, 5.0), ({"lr": 2}, 4.0), ({"lr": 3}, 6.0)):
        ledger.enter(params, value)
    assert ledger.progress == [(1, {"lr": 1}), (2, {"lr": 1}), (3, {"lr": 3})]
    assert ledger.is_spent


def test_a_ledger_names_who_stands_best_by_the_rule() -> None:
    ledger = Ledger(4, replace(METRIC, mean_of_last=1))
    for params, value in (({"lr": 1}, 5.0), ({"lr": 2}, 9.0), ({"lr": 2}, 4.0), ({"lr": 1}, 3.0)):
        ledger.enter(params, value)
    assert [incumbent["lr"] for _, incumbent in ledger.progress] == [1, 2, 1, 2]


def test_our_study_ranks_by_the_rule_too() -> None:
    leaping = replace(LATE, shape=lambda final, _place, chance, epoch: final + 500 * chance * (epoch == 2))
    best, last = (
        ours.play("random", leaping, replace(METRIC, mean_of_last=rule), epochs=4 * EPOCHS, seed=0)[-1][1]
        for rule in (None, 1)
    )
    assert leaping.truth(best)[1] > leaping.truth(last)[1]
    assert leaping.final(best) < leaping.final(last)


def test_a_search_that_only_fails_ends_after_as_many_failures_as_epochs() -> None:
    ledger = Ledger(2)
    ledger.fail()
    assert not ledger.is_spent
    ledger.fail()
    assert ledger.is_spent


def test_a_logarithmic_parameter_is_handed_over_as_its_place_only_when_asked() -> None:
    by_hand, plain = (scales(LATE, is_by_hand=hand)["lr"] for hand in (True, False))
    assert by_hand.bounds == (0.0, 1.0)
    assert by_hand.value(0.2) == pytest.approx(1e-5)
    assert plain.bounds == (1e-6, 1e-1)
    assert plain.value(0.3) == 0.1


def test_tao_goes_on_from_its_jobs_and_begins_anew_when_it_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tao_automl" / "state").mkdir(parents=True)
    (tmp_path / "tao_automl" / "__init__.py").write_text(FAKE_TAO)
    (tmp_path / "tao_automl" / "state" / "__init__.py").write_text("")
    (tmp_path / "tao_automl" / "state" / "state_store.py").write_text("class StateStore: ...\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    python = Path(sys.executable)
    plain = tao_peer.play("any", LATE, Ledger(20), seed=0, python=python)
    assert len(plain) == 20
    assert plain[-1][1] == {**LATE.space.defaults(), "lr": 0.1}
    with_default = tao_peer.play("any+def", LATE, Ledger(EPOCHS + 20), seed=0, python=python)
    assert with_default[-1] == (EPOCHS + 20, LATE.space.defaults())


def test_a_peer_cannot_be_played_without_its_interpreter() -> None:
    with pytest.raises(ValueError, match="tao:asha needs --tao-python"):
        play("tao:asha", "late", 0, RULES)


def test_optuna_begins_with_the_default_where_asked() -> None:
    progress = optuna_peer.play("tpe_group+sha3+def", POOR, Ledger(40), seed=0)
    assert len(progress) == 40
    assert progress[0][1] == POOR.space.defaults()


def test_what_cannot_train_costs_no_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    curve = type(LATE).curve
    failures = iter([True, False])

    def fail_first(self: object, *arguments: object) -> object:
        if next(failures):
            raise OutOfMemoryError
        return curve(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(type(LATE), "curve", fail_first)
    assert len(optuna_peer.play("random+full", LATE, Ledger(EPOCHS), seed=0)) == EPOCHS


def test_a_row_depends_on_its_arguments_alone() -> None:
    assert play("optuna:random+full", "late", 3, RULES) == play("optuna:random+full", "late", 3, RULES)


def test_a_table_goes_on_where_it_ended(tmp_path: Path) -> None:
    searches = [("optuna:random+full", "late", seed) for seed in (0, 1)]
    kept = RowFile(tmp_path / "rows.json", RULES)
    kept.add(searches[0], (0.3, 0.2, 0.1))
    file = RowFile(tmp_path / "rows.json", RULES)
    assert list(play_missing(searches, RULES, file, jobs=1)) == ["optuna:random+full"]
    assert file.rows[searches[0]] == (0.3, 0.2, 0.1)
    assert RowFile(tmp_path / "rows.json", RULES).rows[searches[1]] == play(*searches[1], RULES)


def test_rows_of_another_budget_are_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.json").write_text(json.dumps({"rules": {"epochs": 30, "workers": 1}, "rows": []}))
    with pytest.raises(ValueError, match=r"'epochs': 30.*'epochs': 60"):
        RowFile(tmp_path / "rows.json", RULES)


def test_a_line_has_means_and_the_interval_of_the_last() -> None:
    rows = {("p", o, s): (0.4, 0.2, 0.1 + 0.1 * s) for o in ("a", "b") for s in (0, 1)}
    cell = "0.400 / 0.200 / 0.150 ±0.098"
    assert line("p", ["a", "b"], [0, 1], rows) == f"| p | {cell} | {cell} | {cell} |"
