"""Population-based training (Jaderberg et al., 2017), on one GPU as on many."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from automl.ports import Decision, Promotion, Proposal, Wait
from automl.search.beliefs import Belief
from automl.search.encoding import Array, Encoding
from automl.search.reached import Reached
from automl.space import SearchSpace
from automl.study.state import DEFAULT_TRIAL
from automl.types import Metric, Origin, Params, Report, TrialId, TrialRecord, TrialState

__all__ = ["PopulationTraining"]

_REPLACED = 0.25
_TURNS = 9
_STRIDE = 0.1
_FRESH = 0.25


@dataclass
class _Member:
    """The trial that holds a place in the population.

    Attributes:
        trial: its id.
        params: its configuration.
        quality: where it stands, None before the first measurement.
        is_paused: whether it waits at the end of a turn.
    """

    trial: TrialId
    params: Params
    quality: float | None = None
    is_paused: bool = False


@dataclass(frozen=True)
class _Exploit:
    """A new trial takes a loser's place and goes on from a winner's checkpoint."""

    loser: TrialId
    winner: TrialId


class PopulationTraining:
    """Trains a population in turns; after each the worst quarter goes on from better members' checkpoints.

    A member that is replaced stays paused, and a new trial begins at the checkpoint of one of the best with
    that one's parameters perturbed (a step up or down, or drawn anew), so the log says what was trained
    with what. When a population is done, the next is drawn around the best configuration so far.

    Args:
        space: what may vary; what shapes the network should not, since weights are handed on.
        metric: what is improved.
        max_epochs: epochs of a member.
        size: members.
        seed: seed of the study.
    """

    def __init__(self, space: SearchSpace, metric: Metric, *, max_epochs: int, size: int, seed: int) -> None:
        self._space = space
        self._encoding = Encoding(space)
        self._belief = Belief(self._encoding)
        self._reached = Reached(metric)
        self._max_epochs = max_epochs
        self._interval = max(1, math.ceil(max_epochs / _TURNS))
        self._size = size
        self._seed = seed
        self._members: list[_Member] = []
        self._begun = 0
        self._turn = 1
        self._moves: deque[Promotion | _Exploit] = deque()
        self._best: tuple[float, Params] | None = None

    def propose(self, trial: TrialId, *, is_full: bool) -> Proposal | Promotion | Wait | None:
        """The next move of a turn, else a new member; waits for members that are still at the turn."""
        if self._moves:
            move = self._moves[0]
            return move if isinstance(move, Promotion) else self._exploit(trial, move)
        if self._begun < self._size and not is_full:
            return self._new_member(trial)
        return Wait.WAIT if any(not member.is_paused for member in self._members) else None

    def on_suggested(self, record: TrialRecord) -> None:
        """A trial takes a place."""
        move = self._moves[0] if self._moves else None
        if record.origin is not None and isinstance(move, _Exploit):
            self._moves.popleft()
            self._members = [member for member in self._members if member.trial != move.loser]
        else:
            self._begun += 1
        self._members.append(_Member(record.id, record.params))

    def on_report(self, trial: TrialId, report: Report) -> Decision:
        """Take in one epoch; each turn ends with a pause."""
        member = self._find(trial)
        if member is None:
            return Decision.CONTINUE
        quality = self._reached.take(trial, report)
        if quality is not None:
            member.quality = quality
            if self._best is None or quality > self._best[0]:
                self._best = quality, member.params
        is_turn_over = report.epoch >= self._turn * self._interval and report.epoch < self._max_epochs
        return Decision.PAUSE if is_turn_over else Decision.CONTINUE

    def on_paused(self, record: TrialRecord) -> None:
        """A member came to the end of the turn; the last one ends it."""
        if (member := self._find(record.id)) is not None:
            member.is_paused = True
            self._end_turn(record.epochs)

    def on_queued(self, record: TrialRecord) -> None:
        """A member goes on."""
        if (member := self._find(record.id)) is not None:
            member.is_paused = False
        if self._moves and isinstance(self._moves[0], Promotion) and self._moves[0].trial == record.id:
            self._moves.popleft()

    def on_ended(self, record: TrialRecord) -> None:
        """A member is done, or lost; the others wait for it no longer."""
        if (member := self._find(record.id)) is None:
            return
        self._members.remove(member)
        if self._members:
            self._end_turn(max(self._turn * self._interval, 1))
        elif self._begun >= self._size and record.state is TrialState.SUCCEEDED:
            self._begun, self._turn = 0, 1

    def _find(self, trial: TrialId) -> _Member | None:
        return next((member for member in self._members if member.trial == trial), None)

    def _end_turn(self, epoch: int) -> None:
        """Decide who goes on and who is replaced, once everybody has come to the end of the turn."""
        if self._moves or self._begun < self._size or not all(member.is_paused for member in self._members):
            return
        ranked = sorted(
            self._members, key=lambda member: -(member.quality if member.quality is not None else -math.inf)
        )
        places = int(_REPLACED * len(ranked))
        replaceable = [member for member in ranked if member.trial != DEFAULT_TRIAL]
        losers = replaceable[len(replaceable) - places :]
        rng = np.random.default_rng([self._seed, self._turn, int(ranked[0].trial)])
        for loser in losers:
            winner = ranked[int(rng.integers(max(1, places)))]
            self._moves.append(_Exploit(loser.trial, winner.trial))
        for member in self._members:
            if member not in losers:
                self._moves.append(
                    Promotion(member.trial, f"goes on after turn {self._turn} at epoch {epoch}")
                )
        self._turn += 1

    def _exploit(self, trial: TrialId, move: _Exploit) -> Proposal:
        winner = self._find(move.winner)
        assert winner is not None
        epoch = (self._turn - 1) * self._interval
        rng = np.random.default_rng([self._seed, int(trial)])
        position = self._perturbed(self._encoding.positions([winner.params])[0], rng)
        return Proposal(
            self._encoding.params(position),
            origin=Origin(move.winner, epoch),
            reason=f"trial {move.winner} perturbed, in place of trial {move.loser}, turn {self._turn - 1}",
        )

    def _new_member(self, trial: TrialId) -> Proposal:
        if trial == DEFAULT_TRIAL:
            return Proposal(self._space.defaults(), reason="default spec")
        rng = np.random.default_rng([self._seed, int(trial)])
        if self._best is not None and self._begun < self._size // 2 and int(trial) >= self._size:
            position = self._perturbed(self._encoding.positions([self._best[1]])[0], rng)
            return Proposal(self._encoding.params(position), reason="the best so far, perturbed")
        return Proposal(self._encoding.params(self._belief.draw(rng, 1)[0]), reason="drawn at random")

    def _perturbed(self, position: Array, rng: np.random.Generator) -> Array:
        """A step up or down in each parameter, or a fresh draw; a choice only changes by a fresh draw."""
        moved = position + _STRIDE * rng.choice([-1.0, 1.0], len(position))
        is_choice = np.array(
            [bool(parameter.choices) for parameter in self._encoding.parameters], dtype=np.bool_
        )
        moved = np.where(is_choice, position, moved)
        fresh = self._belief.draw(rng, 1)[0]
        row = np.where(rng.random(len(position)) < _FRESH, fresh, moved)
        snapped: Array = self._encoding.snap(row[None, :])[0]
        return snapped
