"""Words for everything that a trial can be."""

import pytest

from automl.report.wording import CAUSES, ENDINGS, count, duration, remedy_of
from automl.types import Cause, TrialState


def test_every_state_and_cause_has_words() -> None:
    assert set(ENDINGS) == set(TrialState)
    assert set(CAUSES) == set(Cause) - {Cause.NONE}


def test_remedy_goes_on_where_the_study_lies_and_is_silent_where_there_is_none() -> None:
    resume = "automl resume night --results-dir /far"
    assert remedy_of(Cause.INFRASTRUCTURE, resume).endswith("then `automl resume night --results-dir /far`")
    assert [remedy_of(cause, resume) for cause in (Cause.NONE, Cause.EARLY_STOPPED)] == ["", ""]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (89, "89 s"), (90, "2 min"), (5399, "90 min"), (5400, "1.5 h")]
)
def test_durations_keep_to_two_digits(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_one_is_singular() -> None:
    assert (count(1, "trial"), count(0, "trial")) == ("1 trial", "0 trials")
