"""One trial in a paragraph: what was tried, why, how it ended, how it compares, and where to look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from automl.report.standings import changes_from
from automl.report.wording import CAUSES, count, duration, remedy_of, shorten, value_text, what_ranks
from automl.study.events import TrialQueued, read_events
from automl.study.figures import figure
from automl.study.state import DEFAULT_TRIAL, StudyState
from automl.study.store import StudyFolder
from automl.types import Params, Role, StudySheet, TrialId, TrialRecord, TrialState

__all__ = ["Explanation", "explain_trial"]


@dataclass(frozen=True)
class Explanation:
    """Answers to the questions that a trial raises, one sentence or two each.

    Attributes:
        tried: how its parameters differ from the default spec's.
        suggested: why it exists, and why it went on where it was paused.
        ended: how it ended, or where it is.
        compared: its metric against default and incumbent.
        look_at: files and commands, most telling first.
    """

    trial: TrialId
    tried: str
    suggested: str
    ended: str
    compared: str
    look_at: tuple[str, ...]

    @property
    def paragraph(self) -> str:
        """All sentences in order."""
        return " ".join(text for text in (self.tried, self.suggested, self.ended, self.compared) if text)


def explain_trial(
    folder: StudyFolder, sheet: StudySheet, state: StudyState, record: TrialRecord
) -> Explanation:
    """Explain one trial of a study, whatever became of it.

    Args:
        folder: the study's folder.
        sheet: what was asked.
        state: what its events add up to.
        record: the trial, one of ``state.records``.

    Raises:
        StudyError: the events are damaged.
    """
    reasons = [
        event.reason
        for _, event in read_events(folder.events)
        if isinstance(event, TrialQueued) and event.trial == record.id and event.reason
    ]
    default = state.records.get(DEFAULT_TRIAL)
    return Explanation(
        trial=record.id,
        tried=_tried(record, default.params if default else {}),
        suggested=_suggested(record, sheet, reasons),
        ended=_ended(record, sheet, state),
        compared=_compared(record, state),
        look_at=_look_at(folder, record),
    )


def _tried(record: TrialRecord, default: Params) -> str:
    if record.id == DEFAULT_TRIAL:
        return "Trial 0 is the default spec, which every other trial is measured against."
    changed = changes_from(default, record.params)
    names = shorten(record.params)
    parts = [f"{names[name]} = {value_text(new)} ({_was(old)})" for name, (old, new) in changed.items()]
    what = ", ".join(parts) if parts else "the parameters of the default spec"
    return f"Trial {record.id} tried {what}."


def _was(default: Any) -> str:
    return "not in the default spec" if default is None else f"default {value_text(default)}"


def _suggested(record: TrialRecord, sheet: StudySheet, promotions: list[str]) -> str:
    parts = []
    if record.id == DEFAULT_TRIAL:
        pass
    elif record.role is Role.CONFIRM:
        parts.append(f"It repeats a finalist with seed {record.seed}: {record.reason or 'to confirm it'}.")
    elif record.reason:
        parts.append(f"It was suggested because: {record.reason}.")
    else:
        parts.append(f"It was suggested by {sheet.tags.get('algorithm', 'the search')}.")
    if record.origin:
        parts.append(f"It began from epoch {record.origin.epoch} of trial {record.origin.trial}.")
    parts += [f"It went on later: {reason}." for reason in promotions]
    return " ".join(parts)


def _ended(record: TrialRecord, sheet: StudySheet, state: StudyState) -> str:
    total, took = sheet.budget.max_epochs, duration(record.seconds)
    because = f" because {CAUSES[record.cause]}" if record.cause in CAUSES else ""
    far = f"after epoch {record.epochs} of {total}"
    endings = {
        TrialState.QUEUED: "It waits for resources.",
        TrialState.RUNNING: f"It runs and has finished {record.epochs} of {total} epochs.",
        TrialState.PAUSED: f"It is paused {far}{because}.",
        TrialState.SUCCEEDED: f"It finished all of its {count(record.epochs, 'epoch')} in {took}.",
        TrialState.PRUNED: f"It was stopped {far}{_standing(record, state)}.",
        TrialState.CANCELLED: f"It was cancelled {far}{because}.",
        TrialState.FAILED: f"It failed {far}{because}{_last_words(record)}.",
    }
    return endings[record.state]


def _standing(record: TrialRecord, state: StudyState) -> str:
    """Its rank among all that came as far, by the rule of the rungs: where they stood there."""
    metric, epoch = state.metric, record.epochs
    rivals = [
        metric.standing(report for report in other.reports if report.epoch <= epoch)
        for other in state.records.values()
        if other.id != record.id and other.epochs >= epoch
    ]
    own = metric.standing(record.reports)
    values = [rival.value for rival in rivals if rival is not None and rival.value is not None]
    if own is None or own.value is None or not values:
        return ""
    better = sum(metric.is_better(value, own.value) for value in values)
    return f", where {better} of {count(len(values), 'other trial')} that came as far were better"


def _last_words(record: TrialRecord) -> str:
    lines = [line for line in record.evidence.splitlines() if line.strip()]
    tries = f", also when it was tried again ({len(record.failures)} times)" if record.failures else ""
    return f'{tries}; its last words: "{lines[-1].strip()}"' if lines else tries


def _compared(record: TrialRecord, state: StudyState) -> str:
    metric = state.metric
    if record.value is None:
        is_measured = any(report.value is not None for report in record.reports)
        broken = "; ".join(metric.find_broken(record.measures)) if is_measured else ""
        return f"None of its epochs counts: {broken}." if broken else f"It has no {metric.name} to compare."
    text = f"Its {what_ranks(metric)} was {figure(record.value)} at epoch {record.best_epoch}"
    if record.state is TrialState.FAILED:
        return f"{text}, which does not count because it failed."
    parts = []
    default, best = state.records.get(DEFAULT_TRIAL), state.incumbent
    if default and default.id != record.id and default.value is not None:
        parts.append(_gap(metric.direction.sign * (record.value - default.value), "default", default.value))
    if best and best.value is not None and best.id != record.id and record.role is Role.SEARCH:
        parts.append(
            _gap(metric.direction.sign * (record.value - best.value), f"best, trial {best.id}", best.value)
        )
    elif best and best.id == record.id:
        scored = sum(other.value is not None for other in state.records.values())
        parts.append(f"the best of {count(scored, 'trial')} with a score")
    return f"{text}: {', '.join(parts)}." if parts else f"{text}."


def _gap(gain: float, whom: str, value: float) -> str:
    word = "better" if gain > 0 else "worse"
    return f"{figure(abs(gain))} {word} than the {whom} ({figure(value)})" if gain else f"equal to the {whom}"


def _look_at(folder: StudyFolder, record: TrialRecord) -> tuple[str, ...]:
    trial = folder.trial(record.id)
    checkpoint = trial.find_checkpoint(record.best_epoch)
    places = (trial.log, trial.spec, checkpoint)
    remedy = remedy_of(record.cause, folder.command("resume"))
    return (
        *((remedy,) if remedy and record.state is TrialState.FAILED else ()),
        *(str(place) for place in places if place is not None and place.exists()),
    )
