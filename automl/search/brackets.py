"""Hyperband (Li et al., JMLR 2018): successive halving in brackets that start at different rungs.

Where a rung is a bad judge, the brackets that start above it do not ask it; that is what they cost budget
for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from automl.ports import Decision, Promotion
from automl.search.reached import Reached
from automl.search.rungs import rung_epochs
from automl.types import Metric, Report, TrialId, TrialRecord

__all__ = ["Hyperband"]


@dataclass
class _Bracket:
    """One bracket: who is in it, and how the members stood at its rungs.

    Attributes:
        size: trials that begin in it.
        rungs: epochs at which it pauses, ascending; without any it trains its trials in full.
        begun: trials that took a place in it.
        racing: those of them that are on the way to the next rung, or stand there.
        standing: quality of those that came to it.
        level: rungs that were decided.
    """

    size: int
    rungs: tuple[int, ...]
    begun: list[TrialId] = field(default_factory=list)
    racing: list[TrialId] = field(default_factory=list)
    standing: dict[TrialId, float] = field(default_factory=dict)
    level: int = 0

    @property
    def rung(self) -> int | None:
        """The epoch that its trials race to; None once they train to the end."""
        return self.rungs[self.level] if self.level < len(self.rungs) else None


class Hyperband:
    """Runs brackets one after another; a trial that waits for its bracket leaves its resources to the next.

    All trials follow the whole schedule of ``max_epochs``, and a promoted one goes on from its checkpoint.

    Args:
        metric: what to compare.
        max_epochs: epochs of a trial that is never paused.
        reduction: one of so many goes on at each rung.
        spared: trials that stand in no bracket and train in full, as the default spec does.
    """

    def __init__(
        self, metric: Metric, max_epochs: int, *, reduction: int = 3, spared: frozenset[TrialId] = frozenset()
    ) -> None:
        self._reached = Reached(metric)
        self._reduction = reduction
        self._spared = spared
        self._shapes = _shapes(rung_epochs(max_epochs, reduction), reduction)
        self._brackets: list[_Bracket] = []
        self._home: dict[TrialId, _Bracket] = {}
        self._paused: set[TrialId] = set()
        self._ended: set[TrialId] = set()

    def has_room(self) -> bool:
        """Always: when a bracket is full the next one begins."""
        return True

    def next_promotion(self, *, is_full: bool) -> Promotion | None:
        """The best paused trial that won its rung, of the oldest bracket; leaves no trace.

        Args:
            is_full: no new trial will come; a bracket that did not fill up is decided among those it has.
        """
        for number, bracket in enumerate(self._brackets):
            for trial in bracket.racing if bracket.level else ():
                if trial in self._paused and trial not in bracket.standing:
                    epoch = bracket.rungs[bracket.level - 1]
                    return Promotion(trial, f"won the rung at epoch {epoch} of bracket {number + 1}")
        return self._last_promotion() if is_full else None

    def on_suggested(self, record: TrialRecord) -> None:
        """A trial takes its place in the newest bracket."""
        if record.id in self._spared:
            return
        if not self._brackets or len(self._brackets[-1].begun) >= self._brackets[-1].size:
            size, rungs = self._shapes[len(self._brackets) % len(self._shapes)]
            self._brackets.append(_Bracket(size, rungs))
        bracket = self._brackets[-1]
        bracket.begun.append(record.id)
        bracket.racing.append(record.id)
        self._home[record.id] = bracket

    def on_report(self, trial: TrialId, report: Report) -> Decision:
        """What becomes of the trial after this epoch; called once per report, in order."""
        quality = self._reached.take(trial, report)
        bracket = self._home.get(trial)
        if bracket is None or bracket.rung is None or report.epoch < bracket.rung:
            return Decision.CONTINUE
        if quality is None or trial in bracket.standing or trial not in bracket.racing:
            return Decision.CONTINUE
        bracket.standing[trial] = quality
        self._close(bracket)
        is_through = trial in bracket.racing and trial not in bracket.standing
        return Decision.CONTINUE if is_through else Decision.PAUSE

    def on_paused(self, record: TrialRecord) -> None:
        """A trial can be promoted from now on."""
        self._paused.add(record.id)

    def on_queued(self, record: TrialRecord) -> None:
        """A trial goes on; one whose bracket was still to fill up closes that bracket."""
        self._paused.discard(record.id)
        bracket = self._home.get(record.id)
        if bracket is not None and record.id in bracket.standing:
            bracket.size = len(bracket.begun)
            self._close(bracket)

    def on_ended(self, record: TrialRecord) -> None:
        """The others of its bracket wait for it no longer."""
        self._paused.discard(record.id)
        self._ended.add(record.id)
        if (bracket := self._home.get(record.id)) is not None:
            self._close(bracket)

    def _last_promotion(self) -> Promotion | None:
        """The winner of the newest bracket's first rung, though the bracket did not fill up."""
        bracket = self._brackets[-1] if self._brackets else None
        if bracket is None or len(bracket.begun) >= bracket.size or self._is_awaited(bracket):
            return None
        if not (winners := self._winners(bracket)):
            return None
        return Promotion(winners[0], f"best of the {len(bracket.begun)} that the last bracket has")

    def _close(self, bracket: _Bracket) -> None:
        """Once everybody has come to the rung or ended, the best race to the next one."""
        if len(bracket.begun) < bracket.size or bracket.rung is None or self._is_awaited(bracket):
            return
        bracket.racing = self._winners(bracket)
        bracket.standing = {}
        bracket.level += 1

    def _is_awaited(self, bracket: _Bracket) -> bool:
        """Whether somebody is still on the way to the rung."""
        return any(trial not in bracket.standing and trial not in self._ended for trial in bracket.racing)

    def _winners(self, bracket: _Bracket) -> list[TrialId]:
        """The best of those that stand at the rung and can go on, the best first."""
        alive = [trial for trial in bracket.standing if trial not in self._ended]
        places = max(1, len(bracket.racing) // self._reduction)
        return sorted(alive, key=lambda trial: -bracket.standing[trial])[:places]


def _shapes(rungs: tuple[int, ...], reduction: int) -> list[tuple[int, tuple[int, ...]]]:
    """Size and rungs of each bracket, the one that starts lowest first."""
    levels = len(rungs) + 1
    return [
        (math.ceil(levels / (levels - skipped) * reduction ** (len(rungs) - skipped)), rungs[skipped:])
        for skipped in range(levels)
    ]
