from automl.study.events import EpochReported, StudyStarted, TrialPaused, TrialStarted
from automl.study.pace import Pace
from automl.types import Patience, Report, TrialId

ZERO = TrialId("0")


def report(epoch: int) -> EpochReported:
    return EpochReported(ZERO, Report(epoch, 9, 1.0))


def test_patience_is_ten_times_what_the_first_trials_took() -> None:
    pace = Pace()
    pace.take_in(TrialStarted(ZERO), 0.0)
    for epoch, at in ((1, 300.0), (2, 400.0), (3, 500.0)):
        pace.take_in(report(epoch), at)
    assert pace.patience() == Patience(1800.0, 3000.0, 1000.0)


def test_quick_epochs_leave_ten_minutes_all_the_same() -> None:
    pace = Pace()
    pace.take_in(TrialStarted(ZERO), 0.0)
    pace.take_in(report(1), 0.1)
    assert pace.patience() == Patience(1800.0, 600.0, 86400.0)


def test_pauses_and_changes_of_hands_are_no_epochs() -> None:
    pace = Pace()
    pace.take_in(TrialStarted(ZERO), 0.0)
    pace.take_in(TrialPaused(ZERO), 10.0)
    pace.take_in(report(1), 5000.0)
    pace.take_in(TrialStarted(ZERO), 6000.0)
    pace.take_in(StudyStarted(1, 1), 7000.0)
    pace.take_in(report(2), 9000.0)
    assert pace.patience() == Patience()


def test_what_the_user_allows_holds_at_every_stage() -> None:
    assert Pace(120.0).patience() == Patience(120.0, 120.0, 120.0, 120.0, 120.0, 120.0)
