"""What a searcher knows after trials of one report each."""

from collections.abc import Iterable

from automl.search.history import History
from automl.types import Params, Report, TrialId, TrialRecord, TrialState
from tests.fakes.fake_study import METRIC


def told_history(
    trials: Iterable[tuple[Params, float]], *, state: TrialState = TrialState.SUCCEEDED
) -> History:
    """Trials told in order with what each came to after its first epoch; the first one is the default."""
    history = History(METRIC)
    for number, (params, value) in enumerate(trials):
        reports = (Report(1, 1, value),)
        history.tell(TrialRecord(TrialId(str(number)), params, state, reports=reports, value=value))
    return history
