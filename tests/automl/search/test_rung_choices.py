"""Rungs that keep the best at hand choose as the plain rule does, which sorts all trials each time."""

import math
import random
from collections.abc import Mapping

import pytest

from automl.ports import Decision
from automl.search.rungs import Judge, SuccessiveHalving, rung_epochs
from automl.types import Direction, Metric, Report, TrialId, TrialRecord

MAX_EPOCHS = 27
SPARED = frozenset({TrialId("0")})


class PlainRule:
    """What a rung decides, from lists alone; values are larger where better."""

    def __init__(self, judge: Judge | None) -> None:
        self.judge = judge
        self.rungs: dict[int, dict[str, float]] = {epoch: {} for epoch in rung_epochs(MAX_EPOCHS)}
        self.gone_on: dict[int, set[str]] = {epoch: set() for epoch in self.rungs}
        self.best: dict[str, float] = {}
        self.waits_at: dict[str, int] = {}
        self.paused: set[str] = set()

    def promotion(self, *, is_full: bool) -> str | None:
        for epoch in sorted(self.rungs, reverse=True):
            waiting = self.waiting(epoch)
            if self.paused & waiting and self.places(epoch, is_full=is_full) >= 1:
                first = next(trial for trial in self.ranked(epoch) if trial in waiting)
                if first in self.paused:
                    return first
        leader = max(self.best, key=lambda trial: self.best[trial], default=None)
        return leader if is_full and leader in self.paused else None

    def report(self, trial: str, epoch: int, value: float | None) -> bool:
        """Whether the trial is to pause."""
        if value is not None:
            self.best[trial] = max(value, self.best.get(trial, -math.inf))
        if trial not in self.best:
            return False
        for rung in [e for e, came in self.rungs.items() if e <= epoch and trial not in came]:
            self.rungs[rung][trial] = self.best[trial]
            if trial not in SPARED and not self.goes_on(trial, rung):
                self.waits_at[trial] = rung
                return True
        return False

    def queue(self, trial: str) -> None:
        if trial in self.waits_at:
            self.paused.discard(trial)
            self.gone_on[self.waits_at[trial]].add(trial)

    def end(self, trial: str) -> None:
        self.paused.discard(trial)
        self.waits_at.pop(trial, None)

    def waiting(self, epoch: int) -> set[str]:
        return {trial for trial, at in self.waits_at.items() if at == epoch} - self.gone_on[epoch]

    def places(self, epoch: int, *, is_full: bool) -> int:
        share = len(self.rungs[epoch].keys() - SPARED) / 3
        return (math.ceil(share) if is_full else math.floor(share)) - len(self.gone_on[epoch])

    def ranked(self, epoch: int) -> list[str]:
        is_hedge = self.judge is None or len(self.gone_on[epoch]) % 3 == 2
        marks = self.rungs[epoch] if is_hedge else self.judge.judge(self.rungs[epoch])
        return sorted(self.rungs[epoch], key=lambda trial: -marks[trial])

    def goes_on(self, trial: str, epoch: int) -> bool:
        if self.judge is None or self.judge.trusts(epoch):
            rivals = self.waiting(epoch) | {trial}
            first = next(other for other in self.ranked(epoch) if other in rivals)
            if self.places(epoch, is_full=False) < 1 or first != trial:
                return False
        self.gone_on[epoch].add(trial)
        return True


class Contrary:
    """Likes numbers that end low, and does not trust the middle rung."""

    def judge(self, standing: Mapping[TrialId, float]) -> Mapping[TrialId, float]:
        return {trial: -(int(trial) % 7) for trial in standing}

    def trusts(self, epoch: int) -> bool:
        return epoch != 9


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("judge", [None, Contrary()])
@pytest.mark.parametrize("seed", range(5))
def test_choices_are_those_of_the_plain_rule(seed: int, judge: Judge | None, direction: Direction) -> None:
    draw = random.Random(seed)  # noqa: S311
    rule = PlainRule(judge)
    pacer = SuccessiveHalving(Metric("m", direction), MAX_EPOCHS, spared=SPARED, judge=judge)
    epochs: dict[str, int] = {}
    stopping: set[str] = set()
    running: list[str] = []
    for _ in range(500):
        full = draw.random() < 0.1
        found = pacer.next_promotion(is_full=full)
        assert (found.trial if found else None) == rule.promotion(is_full=full)
        if len(running) < 4:
            trial = str(found.trial if found else len(epochs))
            running.append(trial)
            epochs.setdefault(trial, 0)
            pacer.on_queued(TrialRecord(TrialId(trial), {}))
            rule.queue(trial)
            continue
        trial = draw.choice(running)
        if trial in stopping and draw.random() < 0.1:  # it failed before it paused, and is tried again
            stopping.discard(trial)
            pacer.on_queued(TrialRecord(TrialId(trial), {}))
            rule.queue(trial)
        elif trial in stopping and draw.random() < 0.5:  # else another trial is heard first
            stopping.discard(trial)
            running.remove(trial)
            pacer.on_paused(TrialRecord(TrialId(trial), {}))
            rule.paused |= {trial} & rule.waits_at.keys()
        elif epochs[trial] == MAX_EPOCHS or draw.random() < 0.02:
            stopping.discard(trial)
            running.remove(trial)
            pacer.on_ended(TrialRecord(TrialId(trial), {}))
            rule.end(trial)
        elif trial not in stopping:
            epochs[trial] += draw.choice((1, 1, 3)) if epochs[trial] < 24 else 1
            value = draw.choice((None, float(draw.randrange(9)), draw.random() * 9))
            told = None if value is None else direction.sign * value
            pauses = (
                pacer.on_report(TrialId(trial), Report(epochs[trial], MAX_EPOCHS, told)) is Decision.PAUSE
            )
            assert pauses == rule.report(trial, epochs[trial], value)
            if pauses:
                stopping.add(trial)
    assert sum(len(rung) for rung in rule.rungs.values()) > 20
