from automl.ports import Decision
from automl.search.brackets import Hyperband
from automl.types import Direction, Metric, Report, TrialId, TrialRecord

AP11 = Metric("AP11", Direction.MAXIMIZE)


def begin(pacer: Hyperband, *names: str) -> None:
    for name in names:
        pacer.on_suggested(TrialRecord(TrialId(name), {}))


def report(pacer: Hyperband, name: str, value: float, epoch: int) -> bool:
    """Whether the trial goes on; one that does not gives its resources back at once."""
    if pacer.on_report(TrialId(name), Report(epoch, 27, value)) is Decision.CONTINUE:
        return True
    pacer.on_paused(TrialRecord(TrialId(name), {}))
    return False


def promotions(pacer: Hyperband, *, is_full: bool = False) -> list[str]:
    found = []
    while (promotion := pacer.next_promotion(is_full=is_full)) is not None:
        found.append(str(promotion.trial))
        pacer.on_queued(TrialRecord(promotion.trial, {}))
    return found


def test_brackets_have_the_sizes_of_the_paper() -> None:
    assert [(size, rungs) for size, rungs in Hyperband(AP11, 27)._shapes] == [(9, (3, 9)), (5, (9,)), (3, ())]


def test_a_full_rung_sends_its_best_third_on() -> None:
    pacer = Hyperband(AP11, 27)
    begin(pacer, *"abcdefghi")
    went_on = [name for n, name in enumerate("abcdefgh") if report(pacer, name, 10.0 + n, 3)]
    assert went_on == []
    assert promotions(pacer) == []
    assert report(pacer, "i", 50.0, 3)
    assert promotions(pacer) == ["h", "g"]
    assert [report(pacer, name, value, 9) for name, value in (("i", 60.0), ("h", 70.0), ("g", 1.0))] == [
        False, False, False,
    ]  # fmt: skip
    assert promotions(pacer) == ["h"]


def test_the_next_bracket_starts_higher_and_the_last_asks_no_rung() -> None:
    pacer = Hyperband(AP11, 27)
    begin(pacer, *"abcdefghi", *"jklmn", *"opq")
    assert report(pacer, "j", 1.0, 3)
    assert not report(pacer, "j", 1.0, 9)
    assert all(report(pacer, "o", 1.0, epoch) for epoch in (3, 9, 26))


def test_nobody_waits_for_a_trial_that_ended() -> None:
    pacer = Hyperband(AP11, 27)
    begin(pacer, *"abcdefghi")
    for n, name in enumerate("abcdefgh"):
        report(pacer, name, float(n), 3)
    pacer.on_ended(TrialRecord(TrialId("i"), {}))
    assert promotions(pacer) == ["h", "g", "f"]


def test_a_bracket_that_never_fills_is_decided_when_no_trial_will_come() -> None:
    pacer = Hyperband(AP11, 27)
    begin(pacer, *"abcd")
    for name, value in zip("abcd", (4.0, 9.0, 2.0, 1.0), strict=True):
        report(pacer, name, value, 3)
    assert promotions(pacer) == []
    promotion = pacer.next_promotion(is_full=True)
    assert promotion is not None
    assert (promotion.trial, promotion.reason) == ("b", "best of the 4 that the last bracket has")


def test_spared_trial_is_in_no_bracket() -> None:
    pacer = Hyperband(AP11, 27, spared=frozenset({TrialId("0")}))
    begin(pacer, "0")
    assert all(report(pacer, "0", 0.0, epoch) for epoch in (3, 9, 27))
