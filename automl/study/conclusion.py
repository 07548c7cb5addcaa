"""What a study comes to: its winner, copied out, measured on the test part, set against the default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from automl.ports import FinalCheck
from automl.study.keeping import write_best, write_best_metrics
from automl.study.state import DEFAULT_TRIAL, Phase, StudyState
from automl.study.store import StudyFolder
from automl.study.verdict import find_winner, list_to_check, make_verdict
from automl.types import StudySheet, TrialId, TrialRecord, TrialState

__all__ = ["Conclusion", "draw_conclusion"]


@dataclass(frozen=True)
class Conclusion:
    """How a study ends.

    Attributes:
        phase: finished, failed or interrupted.
        verdict: winner against default; None for a plain training, or when nobody won.
        still_needed: final trials that keep their checkpoints; None is all that have them.
    """

    phase: Phase
    verdict: dict[str, Any] | None = None
    still_needed: frozenset[TrialId] | None = None


def draw_conclusion(
    folder: StudyFolder, sheet: StudySheet, state: StudyState, check: FinalCheck | None
) -> Conclusion:
    """Name the winner, put it into `best/`, and open the test part once for it and the default.

    Args:
        folder: where the winner is copied to.
        sheet: what the study is.
        state: all trials final.
        check: measures on the test part; None when there is none.
    """
    winner = _find_model(state)
    if winner is None:
        return Conclusion(Phase.FAILED)
    write_best(folder, sheet.metric, winner)
    if not sheet.is_search:
        return Conclusion(Phase.FINISHED)
    records = state.records.values()
    test = check(list_to_check(records, sheet.metric, winner)) if check else {}
    write_best_metrics(folder, sheet.metric, winner, test.get(winner.id))
    verdict = make_verdict(sheet.metric, records, winner, test)
    return Conclusion(Phase.FINISHED, verdict, frozenset({DEFAULT_TRIAL, winner.id}))


def _find_model(state: StudyState) -> TrialRecord | None:
    """The winner; a plain training that measured nothing still made a model."""
    default = state.records.get(DEFAULT_TRIAL)
    trained = default if default is not None and default.state is TrialState.SUCCEEDED else None
    return find_winner(state) or trained
