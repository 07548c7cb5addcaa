"""What the trials so far say about the last epoch of any configuration, and about who can be trained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr
from threadpoolctl import ThreadpoolController

from automl.search.beliefs import Belief
from automl.search.encoding import Array, Encoding
from automl.search.gaussian_process import GaussianProcess, Points, fit_process
from automl.search.history import History, Seen, Standing
from automl.search.rungs import rung_epochs
from automl.space import SearchSpace
from automl.study.state import DEFAULT_TRIAL
from automl.types import TrialId

__all__ = ["CurveJudge", "CurveModel", "Outlook", "share_beaten"]

_LEAST_TRIALS = 4
_MOST_ROWS = 200
_OFFSET = 0.05
_MOST_REACH = 30.0
"""How many times as far below the best as the upper quartile a value still counts for what it is."""
_MOST_BELIEVED = 80
_MOST_PENDING = 100
_MOST_OF_AN_EPOCH = 300
"""Of long histories a model looks at so many of the best that ended at each epoch: what a proposal costs does
not grow with the study."""
_REFIT_AFTER = 0.15
"""Scales are fitted again when the number of tellings has grown by this share."""
_BELIEF_WEIGHT = 2.0
_LEAST_CLARITY = 0.88
"""Curves that settle show 0.95 and more at the first rung; where first epochs say nothing, 0.4 to 0.85."""
_FEASIBLE, _INFEASIBLE = 0.5, -1.5


@dataclass(frozen=True)
class Expectation:
    """What was observed, and what it says of the trials that were begun.

    Attributes:
        process: says what any configuration will have come to at the last epoch.
        trials: measured trials.
        positions: where they lie, shape (N, D).
        means: what each is expected to come to, shape (N,).
    """

    process: GaussianProcess
    trials: list[Seen]
    positions: Array
    means: Array


@dataclass(frozen=True)
class Outlook(Expectation):
    """The model at one moment, as a proposal needs it.

    Its process says what a configuration will have come to once the trials that were begun have come to what
    is expected of them; so nobody goes where a trial only has to be continued.

    Attributes:
        feasibility: says where configurations can be trained; None when all could so far.
        belief_weight: how much people's belief still counts.
    """

    feasibility: GaussianProcess | None
    belief_weight: float

    def log_feasible(self, features: Array) -> Array:
        """Logarithm of the chance that configurations can be trained, shape (N,)."""
        if self.feasibility is None:
            return np.zeros(len(features))
        mean, deviation = self.feasibility.predict(features)
        chance: Array = log_ndtr((mean - (_FEASIBLE + _INFEASIBLE) / 2) / np.sqrt(deviation**2 + 0.05))
        return chance


class CurveModel:
    """Learns from whole learning curves, those of paused trials too.

    Scales are fitted when enough was told since the last time, which depends on the tellings alone; in
    between only the observations change. So a suggestion costs milliseconds, and the same history gives the
    same model. Linear algebra runs on one thread: the matrices are small, and the cores belong to the
    trainings (where all of them are busy, several threads were measured to be ten times slower).

    Args:
        space: what may vary.
        max_epochs: the last epoch of a trial.
    """

    def __init__(self, space: SearchSpace, max_epochs: int) -> None:
        self.encoding = Encoding(space)
        self.belief = Belief(self.encoding)
        self._max_epochs = max_epochs
        self._epochs = (1, *rung_epochs(max_epochs))
        self._threads = ThreadpoolController()
        self._told = 0
        self._next_fit = 0
        self._scales: Array | None = None
        self._feasibility_scales: Array | None = None
        self._positions: dict[TrialId, Array] = {}
        self._expected: tuple[int, Expectation | None] = (-1, None)
        self._cached: tuple[int, Outlook | None] = (-1, None)
        self.blurred: set[int] = set()
        """Epochs that were once found to say too little of the last one; they stay so."""

    def learn(self, history: History) -> None:
        """Take in that a trial was told."""
        self._told += 1
        if self._told < self._next_fit or history.measured_count < _LEAST_TRIALS:
            return
        self._next_fit = self._told + max(1, int(self._told * _REFIT_AFTER))
        with self.one_thread():
            points, values = self._observations(history.foremost(_MOST_OF_AN_EPOCH))
            self._scales = fit_process(points, values, self.encoding.groups)
            if history.bad():
                self._feasibility_scales = fit_process(*self._labels(history), self.encoding.groups)
        self.blurred |= {epoch for epoch in self._epochs if self._clarity(epoch) < _LEAST_CLARITY}
        self._expected = self._cached = (-1, None)

    def one_thread(self) -> AbstractContextManager[object]:
        """Linear algebra on one thread."""
        limited: AbstractContextManager[object] = self._threads.limit(limits=1)
        return limited

    def _clarity(self, epoch: int) -> float:
        """Share of what an epoch shows that is the final value's, 0 to 1.

        What similar configurations have in common early on does not blur it, for that can be learned.
        """
        assert self._scales is not None
        final, _, own, noise, blur = np.exp(2 * self._scales[-5:])
        shortfall = _shortfall(np.array([epoch]), self._max_epochs)
        return float(final / (final + (own + blur) * np.sum(shortfall**2) + noise))

    def look(self, history: History) -> Outlook | None:
        """The model of a history; None before there is enough to fit one."""
        if self._cached[0] != history.revision:
            with self.one_thread():
                self._cached = history.revision, self._look(history)
        return self._cached[1]

    def expect(self, history: History) -> Expectation | None:
        """What the trials of a history are expected to come to; None before there is enough to tell."""
        if self._expected[0] != history.revision:
            with self.one_thread():
                self._expected = history.revision, self._expect(history)
        return self._expected[1]

    def _expect(self, history: History) -> Expectation | None:
        if self._scales is None:
            return None
        trials = history.foremost(_MOST_OF_AN_EPOCH)
        positions = np.stack([self.position(seen) for seen in trials])
        process = GaussianProcess(*self._observations(trials), self._scales, self.encoding.groups)
        means = process.predict_mean(self.encoding.features(positions))
        return Expectation(process, trials, positions, means)

    def _look(self, history: History) -> Outlook | None:
        expected = self.expect(history)
        if expected is None:
            return None
        process, positions = expected.process, expected.positions
        unfinished = np.array([seen.epoch < self._max_epochs for seen in expected.trials])
        order = np.argsort(np.where(unfinished, -expected.means, np.inf), kind="stable")
        likeliest = order[: int(unfinished.sum())][:_MOST_BELIEVED]
        waiting = history.unmeasured()[-_MOST_PENDING:]
        rows = [*positions[likeliest], *(self.position(seen) for seen in waiting)]
        if rows:
            process = process.believing(self.encoding.features(np.stack(rows)))
        feasibility = None
        if self._feasibility_scales is not None:
            labels = self._labels(history)
            feasibility = GaussianProcess(*labels, self._feasibility_scales, self.encoding.groups)
        trust = (share_beaten(history) or 0.0) ** 2
        weight = _BELIEF_WEIGHT * trust / history.measured_count
        return Outlook(process, expected.trials, positions, expected.means, feasibility, weight)

    def expected_values(self, history: History, trials: Sequence[TrialId]) -> dict[TrialId, float] | None:
        """What those of some trials that were measured are expected to come to; None without a model."""
        expected = self.expect(history)
        if expected is None:
            return None
        values = {seen.trial: float(mean) for seen, mean in zip(expected.trials, expected.means, strict=True)}
        known = {trial: values[trial] for trial in trials if trial in values}
        further = [seen for trial in trials if trial not in known and (seen := history.find(trial))]
        further = [seen for seen in further if seen.curve and seen.standing is not Standing.BAD]
        if further:
            features = self.encoding.features(np.stack([self.position(seen) for seen in further]))
            with self.one_thread():
                means = expected.process.predict_mean(features)
            known |= {seen.trial: float(mean) for seen, mean in zip(further, means, strict=True)}
        return known

    def position(self, seen: Seen) -> Array:
        """Where a trial lies, shape (D,)."""
        if seen.trial not in self._positions:
            self._positions[seen.trial] = self.encoding.positions([seen.params])[0]
        return self._positions[seen.trial]

    def _observations(self, trials: list[Seen]) -> tuple[Points, Array]:
        """What was seen at the rungs and at the end of each curve; of long histories what tells most."""
        rows = self._rows(trials)
        owners = np.array([row[0] for row in rows])
        values = np.array([row[2] for row in rows])
        features = self.encoding.features(np.stack([self.position(trials[owner]) for owner in owners]))
        earliness = _shortfall(np.array([row[1] for row in rows]), self._max_epochs)
        values = _levels(values)
        spread = float(values.std()) or 1.0
        return Points(features, earliness, owners), (values - values.mean()) / spread

    def _rows(self, trials: list[Seen]) -> list[tuple[int, int, float]]:
        """Place in the list, epoch and quality of what is observed: late epochs first, the best first."""
        rows: list[tuple[int, int, float]] = []
        reached = [seen.epoch for seen in trials]
        for epoch in sorted({*self._epochs, *reached}, reverse=True):
            is_rung = epoch in self._epochs
            rows += sorted(
                (
                    (owner, epoch, quality)
                    for owner, last in enumerate(reached)
                    if (last == epoch or (is_rung and last > epoch))
                    and (quality := trials[owner].quality_at(epoch)) is not None
                ),
                key=lambda row: -row[2],
            )
            if len(rows) >= _MOST_ROWS:
                break
        return rows[:_MOST_ROWS]

    def _labels(self, history: History) -> tuple[Points, Array]:
        bad, good = history.bad(), history.measured()
        rows = (bad + good[-(_MOST_ROWS - len(bad)) :])[:_MOST_ROWS]
        features = self.encoding.features(np.stack([self.position(seen) for seen in rows]))
        labels = np.array([_INFEASIBLE] * len(bad) + [_FEASIBLE] * len(rows))[: len(rows)]
        return Points(features, np.zeros((len(rows), 1)), np.arange(len(rows))), labels


class CurveJudge:
    """Ranks the trials of a rung by what they will have come to at the last epoch.

    Args:
        model: predicts it.
        history: what the model has been told.
    """

    def __init__(self, model: CurveModel, history: History) -> None:
        self._model = model
        self._history = history

    def judge(self, standing: Mapping[TrialId, float]) -> Mapping[TrialId, float]:
        """The expected last value of each trial; what it reached at the rung while there is no model."""
        values = self._model.expected_values(self._history, list(standing))
        return standing if values is None else {trial: values.get(trial, -math.inf) for trial in standing}

    def trusts(self, epoch: int) -> bool:
        """Whether no fit so far has shown curves whose last value cannot be told from this epoch."""
        return epoch not in self._model.blurred


_RATES = np.array([0.03, 0.06, 0.1, 0.15, 0.22, 0.3, 0.42, 0.6])


def _shortfall(epochs: Array, last: int) -> Array:
    """Logarithm of the share of their last value that curves of several rates have, shape (N, R)."""
    scaled = epochs[:, None] * (27.0 / last)
    share = (1.0 - (1.0 - _RATES) ** scaled) / (1.0 - (1.0 - _RATES) ** 27.0)
    shortfall: Array = np.log(share) / math.sqrt(len(_RATES))
    return shortfall


def _levels(values: Array) -> Array:
    """Qualities on a scale on which curves that settle are parallel, whatever unit and zero a metric has.

    It begins at the worst of them, so a loss counts as the score would that falls by as much; unless that
    lies so far below the better ones that it would make them all alike, as an exploding loss does.
    """
    low, high = float(values.min()), float(values.max())
    if reach := _MOST_REACH * (high - float(np.quantile(values, 0.75))):
        low = max(low, high - reach)
    levels: Array = np.log(np.maximum(values - low, 0.0) / ((high - low) or 1.0) + _OFFSET)
    return levels


def share_beaten(history: History) -> float | None:
    """Share of the other trials that the default beats; None while there is nothing to compare."""
    default = history.find(DEFAULT_TRIAL)
    if default is None or not default.curve:
        return None
    reached = [default.quality_at(epoch) for epoch in range(default.epoch + 1)]
    others = [seen for seen in history.measured() if seen.trial != DEFAULT_TRIAL]
    there = ((seen.quality, reached[min(seen.epoch, default.epoch)]) for seen in others)
    beaten = [own < quality for own, quality in there if quality is not None]
    beaten += [True for _ in history.bad()]
    return sum(beaten) / len(beaten) if beaten else None
