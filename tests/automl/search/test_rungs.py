from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest

from automl.ports import Decision
from automl.search.paced import FullLength
from automl.search.rungs import Judge, SuccessiveHalving, rung_epochs
from automl.types import Direction, Metric, Report, TrialId, TrialRecord

AP11 = Metric("AP11", Direction.MAXIMIZE)


@pytest.mark.parametrize(
    ("max_epochs", "rungs"),
    [
        (1, ()),
        (2, (1,)),
        (3, (2,)),
        (4, (3,)),
        (6, (3,)),
        (9, (3,)),
        (10, (3, 9)),
        (27, (3, 9)),
        (81, (3, 9, 27)),
    ],
)
def test_first_rung_stands_at_epoch_three_where_the_training_is_long_enough(
    max_epochs: int, rungs: tuple[int, ...]
) -> None:
    assert rung_epochs(max_epochs) == rungs


def rungs(max_epochs: int = 27, spared: str = "", judge: Judge | None = None) -> SuccessiveHalving:
    return SuccessiveHalving(AP11, max_epochs, spared=frozenset(map(TrialId, spared)), judge=judge)


@dataclass(frozen=True)
class Backwards:
    """Likes the worst best."""

    trusted: bool = True

    def judge(self, standing: Mapping[TrialId, float]) -> Mapping[TrialId, float]:
        return {trial: -value for trial, value in standing.items()}

    def trusts(self, epoch: int) -> bool:
        return self.trusted


def report(pacer: SuccessiveHalving, trial: str, value: float | None, epoch: int = 3) -> bool:
    """Whether the trial goes on; one that does not gives its resources back at once."""
    if pacer.on_report(TrialId(trial), Report(epoch, 27, value)) is Decision.CONTINUE:
        return True
    pacer.on_paused(TrialRecord(TrialId(trial), {}))
    return False


def report_all(pacer: SuccessiveHalving, values: str, epoch: int = 3) -> str:
    """Values as ``a50 b30``; names of those that go on."""
    told = [(word[0], float(word[1:])) for word in values.split()]
    return "".join(trial for trial, value in told if report(pacer, trial, value, epoch))


def promoted(pacer: SuccessiveHalving, *, is_full: bool = False) -> str | None:
    promotion = pacer.next_promotion(is_full=is_full)
    return promotion.trial if promotion else None


def test_one_of_three_goes_on_and_only_the_best_that_is_left() -> None:
    assert report_all(rungs(), "a10 b30 c20 d25 e15 f40") == "f"


def test_the_best_that_paused_is_promoted_when_a_place_comes_up() -> None:
    pacer = rungs()
    assert report_all(pacer, "a50 b30") == ""
    assert promoted(pacer) is None
    assert report_all(pacer, "c20") == ""
    promotion = pacer.next_promotion(is_full=False)
    assert promotion is not None
    assert (promotion.trial, promotion.reason) == ("a", "best of those that wait at epoch 3, where 3 came")
    pacer.on_queued(TrialRecord(TrialId("a"), {}))
    assert promoted(pacer) is None


def test_a_stream_of_ever_better_trials_does_not_train_them_all() -> None:
    values = " ".join(f"{chr(97 + n)}{n}" for n in range(12))
    assert report_all(rungs(), values) == "cfil"


def test_the_highest_rung_comes_first() -> None:
    pacer = rungs()
    report_all(pacer, "a50 b40 c60 d30 e20 f45 g48 h10 i5", epoch=3)
    for trial in "acbg":
        pacer.on_queued(TrialRecord(TrialId(trial), {}))
    report_all(pacer, "a60 c70 b10", epoch=9)
    assert promoted(pacer) == "c"


def test_places_are_rounded_up_once_no_trial_will_come() -> None:
    pacer = rungs()
    report_all(pacer, "a50 b30")
    assert (promoted(pacer), promoted(pacer, is_full=True)) == (None, "a")


def test_smaller_is_better_when_minimising() -> None:
    pacer = SuccessiveHalving(Metric("loss", Direction.MINIMIZE), 6)
    assert report_all(pacer, "a1 b2 c0.5") == "c"


def test_spared_trial_stands_at_the_rung_but_takes_no_place() -> None:
    assert report_all(rungs(spared="0"), "050 a5 b4") == "0"
    assert report_all(rungs(spared="0"), "050 a5 b4 c6") == "0c"


def test_a_judge_ranks_instead_of_the_values() -> None:
    pacer = rungs(judge=Backwards())
    report_all(pacer, "a50 b30 c40")
    assert promoted(pacer) == "b"


def test_epochs_between_rungs_decide_nothing() -> None:
    pacer = rungs()
    assert [report(pacer, "b", 1.0, epoch) for epoch in (1, 2, 4)] == [True, True, False]


def test_trial_stands_at_a_rung_with_its_best_epoch_so_far() -> None:
    pacer = rungs()
    report_all(pacer, "a40 b30")
    report(pacer, "c", 45.0, 2)
    assert report(pacer, "c", 1.0, 3)


def test_trial_stands_at_a_rung_with_its_last_epochs_where_these_rank() -> None:
    pacer = SuccessiveHalving(replace(AP11, mean_of_last=2), 27)
    report_all(pacer, "a40 b30")
    report(pacer, "c", 90.0, 1)
    report(pacer, "c", 45.0, 2)
    assert not report(pacer, "c", 1.0, 3)  # stands at 23
    report(pacer, "d", 45.0, 2)
    assert report(pacer, "d", 37.0, 3)  # at 41


def test_failed_measurement_decides_nothing() -> None:
    pacer = rungs()
    assert report(pacer, "b", None, 3)
    assert not report(pacer, "b", 1.0, 4)


def test_a_place_waits_for_the_best_that_is_still_stopping() -> None:
    pacer = rungs()
    report_all(pacer, "a10 b20")
    pacer.on_report(TrialId("c"), Report(3, 27, 15.0))
    assert promoted(pacer) == "b"
    pacer.on_ended(TrialRecord(TrialId("b"), {}))
    assert promoted(pacer) is None
    pacer.on_paused(TrialRecord(TrialId("c"), {}))
    assert promoted(pacer) == "c"


def test_a_place_is_free_again_when_the_best_ends_before_it_pauses() -> None:
    pacer = rungs()
    report_all(pacer, "a10")
    pacer.on_report(TrialId("c"), Report(3, 27, 15.0))
    assert promoted(pacer, is_full=True) is None
    pacer.on_ended(TrialRecord(TrialId("c"), {}))
    assert promoted(pacer, is_full=True) == "a"


def test_full_length_never_pauses() -> None:
    assert FullLength().on_report(TrialId("0"), Report(3, 6, 0.0)) is Decision.CONTINUE
    assert FullLength().next_promotion(is_full=True) is None


def test_the_best_of_all_goes_on_once_no_trial_will_come_whatever_a_judge_says() -> None:
    pacer = rungs(judge=Backwards())
    report_all(pacer, "a50 b30")
    pacer.on_queued(TrialRecord(TrialId("b"), {}))
    promotion = pacer.next_promotion(is_full=True)
    assert promotion is not None
    assert (promotion.trial, promotion.reason) == ("a", "best of all so far, and not at its end")


def test_nobody_is_paused_at_a_rung_that_says_nothing() -> None:
    assert report_all(rungs(judge=Backwards(trusted=False)), "a50 b30 c20") == "abc"


def test_of_thousands_that_wait_no_more_than_the_best_are_judged() -> None:
    asked: list[int] = []

    @dataclass(frozen=True)
    class Counting(Backwards):
        def judge(self, standing: Mapping[TrialId, float]) -> Mapping[TrialId, float]:
            asked.append(len(standing))
            return super().judge(standing)

    pacer = rungs(judge=Counting())
    for number in range(1000):
        report(pacer, str(number), 10.0 + number / 100)
    assert promoted(pacer) == "700"  # the one of the best 300 that this judge likes most
    assert max(asked) <= 301
