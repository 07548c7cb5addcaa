"""What a study says it found: one seed, several seeds, with and without a test part."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from automl.study.state import StudyState
from automl.study.verdict import find_winner, list_to_check, make_verdict
from automl.types import Direction, Metric, Role, TrialId, TrialRecord, TrialState

AP = Metric("AP11", Direction.MAXIMIZE)


def trial(name: str, value: float | None, **fields: Any) -> TrialRecord:
    return TrialRecord(TrialId(name), {"lr": name}, TrialState.SUCCEEDED, value=value, best_epoch=1, **fields)


def repeats(of: str, *values: float | None) -> list[TrialRecord]:
    """One that has no value failed; the id of the repeat of trial 1 on seed 2 is 12."""
    return [
        TrialRecord(
            TrialId(f"{of}{seed}"),
            {"lr": of},
            TrialState.FAILED if value is None else TrialState.SUCCEEDED,
            value=value,
            seed=seed,
            role=Role.CONFIRM,
        )
        for seed, value in enumerate(values, 1)
    ]


def verdict_of(
    records: Sequence[TrialRecord], test: Mapping[str, float] | None = None, metric: Metric = AP
) -> dict[str, Any]:
    state = StudyState(metric, records={record.id: record for record in records})
    for record in records:
        state._consider(record)
    winner = find_winner(state)
    assert winner is not None
    return make_verdict(
        metric, records, winner, {TrialId(name): value for name, value in (test or {}).items()}
    )


SINGLE = [trial("0", 10.0), trial("1", 50.0)]
TESTED = {"0": 8.0, "1": 44.0}


@pytest.mark.parametrize(
    ("records", "test", "gain_test", "is_real", "statement"),
    [
        ([trial("0", 10.0)], {}, None, False, "No trial was better than the default spec (AP11 10.00)."),
        (
            SINGLE,
            {},
            None,
            None,
            "+40.00 AP11 over the default spec on the validation part that also chose",
        ),
        (SINGLE, TESTED, 36.0, None, "gains +36.00 AP11 over the default spec on the test part"),
        (SINGLE, TESTED, 36.0, None, "(+40.00 on the validation part). One seed each: --seeds 3"),
        (SINGLE, {"0": 8.0, "1": 7.0}, -1.0, False, "but -1.00 on the test part: no real improvement"),
        ([trial("0", None), SINGLE[1]], {}, None, None, "the default spec has no AP11 to compare with"),
    ],
)
def test_one_seed_each_states_the_gain_and_that_chance_is_not_excluded(
    records: list[TrialRecord],
    test: dict[str, float],
    gain_test: float | None,
    is_real: bool | None,
    statement: str,
) -> None:
    verdict = verdict_of(records, test)
    assert statement in verdict["statement"]
    assert (verdict["gain_test"], verdict["is_real"], verdict["seeds"]) == (gain_test, is_real, 0)
    assert (verdict["interval"], verdict["probability_better"]) == (None, None)


def test_gain_is_positive_when_a_loss_falls() -> None:
    loss = Metric("loss", Direction.MINIMIZE)
    verdict = verdict_of([trial("0", 0.9), trial("1", 0.4)], {"0": 0.8, "1": 0.5}, loss)
    assert (verdict["gain_val"], verdict["gain_test"]) == (pytest.approx(0.5), pytest.approx(0.3))
    assert verdict["optimism"] == pytest.approx(0.1)


FINALS = [
    trial("0", 50.0), trial("1", 60.0), trial("2", 58.0),
    *repeats("0", 50.0, 51.0, 52.0), *repeats("1", 52.0, 53.0, 54.0), *repeats("2", 56.0, 57.0, 58.0),
]  # fmt: skip


def test_winner_is_named_by_its_mean_over_fresh_seeds_and_the_lucky_one_is_not() -> None:
    verdict = verdict_of(FINALS)
    assert (verdict["winner"]["trial"], verdict["gain_val"], verdict["seeds"]) == ("2", 6.0, 3)
    assert verdict["winner"]["fresh_val"] == {"values": [56.0, 57.0, 58.0], "mean": 57.0, "spread": 1.0}
    assert [finalist["trial"] for finalist in verdict["finalists"]] == ["1", "2"]
    assert verdict["interval"] == pytest.approx([6 - 1.88, 6 + 1.88], abs=0.05)
    assert (verdict["is_real"], verdict["measured_on"]) == (True, "val")
    assert verdict["statement"].startswith(
        "Trial 2 is better: +6.00 AP11 against the default spec on the validation part, "
        "mean of 3 fresh seeds each (90 % interval +4.0"
    )


def test_no_real_difference_is_an_answer() -> None:
    records = [*SINGLE, *repeats("0", 50.0, 53.0, 51.0), *repeats("1", 52.0, 50.0, 55.0)]
    verdict = verdict_of(records)
    assert (verdict["gain_val"], verdict["is_real"]) == (pytest.approx(1.0), False)
    assert 0.5 < verdict["probability_better"] < 0.95
    assert verdict["interval"][0] < 0 < verdict["interval"][1]
    assert verdict["statement"].startswith("No real difference found: trial 1 has +1.00 AP11 against")


def test_default_that_holds_its_own_wins() -> None:
    verdict = verdict_of([*SINGLE, *repeats("0", 52.0, 53.0), *repeats("1", 51.0, 52.0)])
    assert (verdict["winner"]["trial"], verdict["is_real"], verdict["gain_val"]) == ("0", False, 0.0)
    assert (
        verdict["statement"]
        == "No trial was better than the default spec (AP11 10.00) on 2 fresh seeds each."
    )


def test_test_part_decides_where_it_was_measured_on_the_same_seeds() -> None:
    test = {"0": 49.0, "2": 54.0, "01": 50.0, "02": 50.5, "03": 51.0, "21": 50.5, "22": 51.0, "23": 51.5}
    verdict = verdict_of(FINALS, test)
    assert (verdict["measured_on"], verdict["gain_val"], verdict["gain_test"]) == ("test", 6.0, 0.5)
    assert (verdict["is_real"], verdict["winner"]["test"], verdict["optimism"]) == (False, 54.0, 4.0)
    assert verdict["default"]["fresh_test"]["mean"] == 50.5
    assert (
        "+0.50 AP11 against the default spec on the test part, mean of 3 fresh seeds" in verdict["statement"]
    )


def test_single_measurement_of_the_test_part_does_not_outweigh_the_seeds() -> None:
    verdict = verdict_of(FINALS, {"0": 49.0, "2": 54.0})
    assert (verdict["measured_on"], verdict["gain_test"], verdict["seeds"]) == ("val", 5.0, 3)


def test_one_fresh_seed_shows_no_spread() -> None:
    verdict = verdict_of([*SINGLE, *repeats("0", 50.0), *repeats("1", 52.0)])
    assert (verdict["gain_val"], verdict["is_real"], verdict["interval"]) == (2.0, None, None)
    assert "mean of 1 fresh seed each; one seed shows no spread" in verdict["statement"]


def test_seeds_without_effect_are_told() -> None:
    verdict = verdict_of([*SINGLE, *repeats("0", 10.0, 10.0), *repeats("1", 50.0, 50.0)])
    assert "all seeds gave the same figure, so how sure that is cannot be said" in verdict["statement"]


def test_finalist_that_failed_on_a_seed_loses_to_one_that_never_did() -> None:
    records = [*FINALS[:3], *repeats("0", 50.0, 51.0), *repeats("1", 52.0, 53.0), *repeats("2", 58.0, None)]
    assert verdict_of(records)["winner"]["trial"] == "1"
    every = [*FINALS[:2], *repeats("0", 50.0, None), *repeats("1", 58.0, None)]
    assert verdict_of(every)["statement"].endswith("1 of its repeats failed.")


def test_test_part_is_opened_for_default_winner_and_their_complete_repeats() -> None:
    records = [*FINALS[:3], *repeats("0", 50.0, None), *repeats("1", 52.0), *repeats("2", 58.0)]
    assert [record.id for record in list_to_check(records, AP, records[2])] == ["0", "2", "01", "21"]


LOSS = Metric("loss", Direction.MINIMIZE)


def test_a_loss_that_fell_is_told_as_lower() -> None:
    verdict = verdict_of([trial("0", 0.9), trial("1", 0.25)], metric=LOSS)
    assert verdict["gain_val"] == pytest.approx(0.65)
    assert verdict["statement"].startswith(
        "Trial 1 has -0.65 loss against the default spec on the validation part"
    )


def test_the_interval_of_a_loss_is_told_in_its_own_sign() -> None:
    records = [trial("0", 0.9), trial("1", 0.2), *repeats("0", 0.90, 0.92), *repeats("1", 0.20, 0.22)]
    verdict = verdict_of(records, metric=LOSS)
    low, high = verdict["interval"]
    assert 0 < low < 0.7 < high
    assert "Trial 1 is better: -0.70 loss against the default spec" in verdict["statement"]
    assert f"90 % interval -{high:.4f}"[:20] in verdict["statement"]


def test_one_fresh_seed_is_told_as_one() -> None:
    records = [trial("0", 50.0), trial("1", 51.0), *repeats("0", 50.0), *repeats("1", 40.0)]
    assert verdict_of(records)["statement"].endswith(
        "than the default spec (AP11 50.00) on 1 fresh seed each."
    )
