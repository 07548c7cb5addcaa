"""How long a study may still take."""

import pytest
from fake_study import METRIC, trial

from automl.study.events import Event, TrialEnded
from automl.study.outlook import seconds_to_go
from automl.study.state import StudyState
from automl.types import Budget


def state_of(*events: Event) -> StudyState:
    state = StudyState(METRIC)
    for at, event in enumerate(events):
        state.apply(event, float(at))
    return state


RUNNING = [event for event in trial("1", [1.0, 2.0]) if not isinstance(event, TrialEnded)]


@pytest.mark.parametrize(
    ("events", "budget", "expected"),
    [
        ([], Budget(4, 5), None),
        (RUNNING, Budget(4, 5), 60.0 / 2 * 18),  # no trial has ended: epochs alone tell
        ([*trial("0", [1.0] * 5), *RUNNING], Budget(4, 5), 60.0 / 7 * 13),  # trials would say 180
        (trial("0", [1.0]), Budget(4, 5), 60.0 * 3),  # stopped after one epoch: epochs would say 1140
        (RUNNING, Budget(4, 5, epochs=6), 60.0 / 2 * 4),
        (RUNNING, Budget(4, 5, time_s=100.0), 40.0),
        (RUNNING, Budget(4, 5, time_s=50.0), 0.0),
    ],
)
def test_the_lesser_guess_counts(events: list[Event], budget: Budget, expected: float | None) -> None:
    assert seconds_to_go(state_of(*events), budget, elapsed_s=60.0) == pytest.approx(expected)
