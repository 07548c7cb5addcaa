"""The only door to Optuna: a search space becomes distributions, a sampler proposes, results teach it."""

from __future__ import annotations

import importlib.util
import math
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import optuna
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, GPSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from automl.space import Parameter, ParameterKind, SearchSpace
from automl.types import Cause, Direction, Params, ParamValue, Report, TrialId, TrialRecord
from automl.types import TrialState as State

__all__ = ["SAMPLERS", "OptunaSearcher"]

_STARTUP_TRIALS = 6
_GP_MOST_DIMENSIONS = 12
_RETRIES = 20
_BAD_POINTS = {Cause.BAD_SPEC, Cause.OUT_OF_MEMORY, Cause.DIVERGED, Cause.NO_METRIC, Cause.DEFECT}

Sampler = Callable[[SearchSpace, int], BaseSampler]


def _random(space: SearchSpace, seed: int) -> BaseSampler:  # noqa: ARG001 - one signature for all
    return RandomSampler(seed=seed)


def _tpe(space: SearchSpace, seed: int) -> BaseSampler:
    return TPESampler(
        seed=seed,
        n_startup_trials=_STARTUP_TRIALS,
        multivariate=True,
        group=any(parameter.condition for parameter in space),
        constant_liar=True,
    )


def _bayesian(space: SearchSpace, seed: int) -> BaseSampler:
    """Gaussian process where it is strong, else TPE.

    Optuna's process samples at random where a parameter is conditional, and needs torch, which the tuning
    side alone does not bring.
    """
    is_small = len(space) <= _GP_MOST_DIMENSIONS and not any(parameter.condition for parameter in space)
    if is_small and importlib.util.find_spec("torch"):
        return GPSampler(seed=seed, n_startup_trials=_STARTUP_TRIALS)
    return _tpe(space, seed)


SAMPLERS: dict[str, Sampler] = {"random": _random, "bayesian": _bayesian, "asha": _tpe}
"""Sampler of each algorithm that Optuna serves."""


class OptunaSearcher:
    """Proposes by one of Optuna's samplers; trial 0 is the default spec.

    Each proposal is drawn with a seed of its own made of the study's seed and the trial's number, so that it
    depends on nothing but them and the history, in whatever process. The history lives in memory; on disk it
    is the study's events.

    Args:
        space: what may vary.
        sampler: a key of `SAMPLERS`.
        direction: which way the metric improves.
        seed: seed of the study.
    """

    def __init__(self, space: SearchSpace, *, sampler: str, direction: Direction, seed: int) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._space = space
        self._make_sampler = SAMPLERS[sampler]
        self._direction = direction
        self._seed = seed
        self._dimensions = {parameter.name: _Dimension(parameter) for parameter in space}
        self._study = optuna.create_study(direction=direction.value, sampler=RandomSampler(seed=seed))
        self._running: dict[TrialId, Trial] = {}
        self._unscored: list[Trial | Params] = []
        self._worst: float | None = None
        self._seen: set[tuple[tuple[str, ParamValue], ...]] = set()
        self._size = self._count(list(space), {})

    def suggest(self, trial: TrialId) -> Params | None:
        """Parameters for a new trial, or None when every combination was tried.

        In a small discrete space a combination that was tried before is drawn again.
        """
        if trial == "0":
            defaults = self._space.defaults()
            self._study.enqueue_trial(
                {name: self._dimensions[name].encode(v) for name, v in defaults.items()}
            )
            self._draw(trial, attempt=0)
            self._seen.add(_key(defaults))
            return defaults
        for attempt in range(_RETRIES):
            params = self._draw(trial, attempt)
            is_last = attempt == _RETRIES - 1 and len(self._seen) < self._size
            if _key(params) not in self._seen or is_last:
                self._seen.add(_key(params))
                return params
            self._forget(self._running.pop(trial))
        return None

    def adopt(self, record: TrialRecord) -> None:
        """Take in that a trial exists; one that was not suggested here is counted among the running."""
        self._seen.add(_key(record.params))
        if record.id not in self._running:
            number = len(self._study.trials)
            self._study.add_trial(self._frozen(record.params, TrialState.RUNNING, None, record.reports))
            storage, study_id = self._study._storage, self._study._study_id
            trial_id = storage.get_trial_id_from_study_id_trial_number(study_id, number)
            self._running[record.id] = Trial(self._study, trial_id)

    def observe(self, trial: TrialId, report: Report) -> None:
        """Take in one epoch; where a trial was stopped later tells how good it was."""
        if report.value is not None and trial in self._running:
            self._running[trial].report(report.value, report.epoch)

    def tell(self, record: TrialRecord) -> None:
        """Take in a final trial.

        A configuration that cannot train (out of memory, diverged, refused) counts as the worst value seen so
        far; what the machine did to a trial is forgotten.
        """
        asked = self._running.pop(record.id, None)
        self._seen.add(_key(record.params))
        if record.cause in _BAD_POINTS and record.state is State.FAILED:
            self._unscored.append(asked or record.params)
        elif record.value is None or record.state is State.FAILED:
            self._forget(asked)
        else:
            self._tell_value(asked, record, record.value)
        self._tell_unscored()

    def _count(self, rest: list[Parameter], params: dict[str, ParamValue]) -> float:
        """Number of combinations, conditions respected; infinite with a continuum."""
        for place, parameter in enumerate(rest):
            if parameter.condition is not None and not parameter.condition.holds(params):
                continue
            if parameter.choices and any(p.condition and parameter.name in p.condition.parents for p in rest):
                branches = ({**params, parameter.name: choice} for choice in parameter.choices)
                return sum(self._count(rest[place + 1 :], branch) for branch in branches)
            return self._dimensions[parameter.name].size * self._count(rest[place + 1 :], params)
        return 1

    def _draw(self, trial: TrialId, attempt: int) -> Params:
        words = np.random.SeedSequence([self._seed, int(trial), attempt]).generate_state(1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            make = self._make_sampler if attempt < _RETRIES // 2 else _random
            self._study.sampler = make(self._space, int(words[0]))
            asked = self._study.ask()
            params: dict[str, ParamValue] = {}
            for parameter in self._space:
                if parameter.condition is None or parameter.condition.holds(params):
                    params[parameter.name] = self._dimensions[parameter.name].suggest(asked)
        self._running[trial] = asked
        return params

    def _tell_value(self, asked: Trial | None, record: TrialRecord, value: float) -> None:
        sign = self._direction.sign
        if self._worst is None or sign * value < sign * self._worst:
            self._worst = value
        state = TrialState.COMPLETE if record.state is State.SUCCEEDED else TrialState.PRUNED
        if asked is None:
            self._add(record.params, state, value, record.reports)
        elif state is TrialState.COMPLETE:
            self._study.tell(asked, value)
        else:
            self._study.tell(asked, state=state)

    def _tell_unscored(self) -> None:
        if self._worst is None:
            return
        for asked in self._unscored:
            if isinstance(asked, Trial):
                self._study.tell(asked, self._worst)
            else:
                self._add(asked, TrialState.COMPLETE, self._worst, ())
        self._unscored.clear()

    def _forget(self, asked: Trial | None) -> None:
        if asked is not None:
            self._study.tell(asked, state=TrialState.FAIL)

    def _add(self, params: Params, state: TrialState, value: float, reports: Iterable[Report]) -> None:
        self._study.add_trial(self._frozen(params, state, value, reports))

    def _frozen(
        self, params: Params, state: TrialState, value: float | None, reports: Iterable[Report]
    ) -> FrozenTrial:
        known = {name: value for name, value in params.items() if name in self._dimensions}
        return create_trial(
            params={name: self._dimensions[name].encode(value) for name, value in known.items()},
            distributions={name: self._dimensions[name].distribution for name in known},
            state=state,
            value=value,
            intermediate_values={r.epoch: r.value for r in reports if r.value is not None},
        )


class _Dimension:
    """One parameter in Optuna's terms; choices travel as their index, which any kind of value allows."""

    def __init__(self, parameter: Parameter) -> None:
        self._parameter = parameter
        self.distribution = _distribution(parameter)

    @property
    def size(self) -> float:
        """Number of values, infinite for a continuum."""
        form = self.distribution
        if isinstance(form, CategoricalDistribution):
            return len(form.choices)
        step = form.step or self._parameter.step
        return math.inf if step is None else math.floor((form.high - form.low) / step + 1e-9) + 1

    def suggest(self, trial: Trial) -> ParamValue:
        """Draw a value of the parameter."""
        name, form = self._parameter.name, self.distribution
        if isinstance(form, IntDistribution):
            return self._on_grid(trial.suggest_int(name, form.low, form.high, step=form.step, log=form.log))
        if isinstance(form, FloatDistribution):
            return self._on_grid(trial.suggest_float(name, form.low, form.high, step=form.step, log=form.log))
        choice: ParamValue = self._parameter.choices[trial.suggest_categorical(name, form.choices)]
        return choice

    def encode(self, value: ParamValue) -> Any:
        """Optuna's form of a value; one outside the bounds is taken for the nearest bound."""
        p = self._parameter
        if p.choices:
            return p.choices.index(value) if value in p.choices else 0
        assert p.low is not None
        assert p.high is not None
        if isinstance(value, bool) or not isinstance(value, int | float):
            value = p.low
        inside = min(max(value, p.low), p.high)
        return round(inside) if p.kind is ParameterKind.INT else float(inside)

    def _on_grid(self, drawn: float) -> float:
        """Snap a value that Optuna drew without step, since it allows none on a logarithmic scale."""
        p = self._parameter
        if not (p.log and p.step):
            return drawn
        assert p.low is not None
        assert p.high is not None
        snapped = min(p.low + round((drawn - p.low) / p.step) * p.step, p.high)
        return round(snapped) if p.kind is ParameterKind.INT else snapped


def _distribution(p: Parameter) -> CategoricalDistribution | FloatDistribution | IntDistribution:
    if p.choices:
        return CategoricalDistribution(tuple(range(len(p.choices))))
    assert p.low is not None
    assert p.high is not None
    step = None if p.log else p.step
    if p.kind is ParameterKind.INT:
        whole = int(step or 1)
        return IntDistribution(
            int(p.low), int(p.low) + (int(p.high) - int(p.low)) // whole * whole, p.log, whole
        )
    high = p.high if step is None else p.low + math.floor((p.high - p.low) / step + 1e-9) * step
    return FloatDistribution(p.low, high, p.log, step)


def _key(params: Params) -> tuple[tuple[str, ParamValue], ...]:
    return tuple(sorted(params.items(), key=lambda item: item[0]))
