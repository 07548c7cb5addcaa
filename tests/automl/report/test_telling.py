"""Events in words."""

import pytest
from fake_study import METRIC, trial

from automl.report.telling import tell_event
from automl.study.events import Event, StudyEnded, TrialEnded, TrialPaused, TrialStarted, TrialSuggested
from automl.study.state import StudyState
from automl.types import Cause, Role, TrialId, TrialState


def tell(*events: Event) -> str | None:
    state = StudyState(METRIC)
    text = None
    for at, event in enumerate(events):
        state.apply(event, float(at))
        text = tell_event(event, state)
    return text


NAME = TrialId("1")
BEGUN = trial("1", [4.0, 3.0])[:-1]


@pytest.mark.parametrize(
    ("events", "text"),
    [
        (BEGUN[:1], None),
        (BEGUN[:2], "trial 1 started"),
        (BEGUN[:3], "trial 1 epoch 1: AP11 4.00, the best so far"),
        (BEGUN, "trial 1 epoch 2: AP11 3.00"),
        (trial("1", [None])[:-1], "trial 1 epoch 1: no AP11"),
        ([*BEGUN, TrialPaused(NAME)], "trial 1 paused"),
        ([*BEGUN, TrialPaused(NAME), TrialStarted(NAME)], "trial 1 goes on after epoch 2"),
        (
            [*BEGUN, TrialEnded(NAME, TrialState.CANCELLED, Cause.BUDGET)],
            "trial 1 cancelled: the budget was spent, AP11 4.00 at epoch 1, 3 s",
        ),
        ([StudyEnded("interrupted")], "the study is interrupted"),
        (
            [TrialSuggested(NAME, {}, role=Role.CONFIRM, reason="trial 0 again"), TrialStarted(NAME)],
            "trial 1 started: trial 0 again",
        ),
    ],
)
def test_each_event_has_its_line(events: list[Event], text: str | None) -> None:
    assert tell(*events) == text
