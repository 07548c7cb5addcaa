"""The only door to Optuna: its multivariate Parzen estimator, asked about a history of ours."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Self

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial, Trial, TrialState

from automl.search.encoding import Array, Encoding
from automl.search.guided_draws import GuidedDraws
from automl.search.history import History, Seen
from automl.search.proposing import Candidates
from automl.space import Parameter, ParameterKind, SearchSpace
from automl.types import Params, ParamValue, TrialId

__all__ = ["TreeParzen"]

_ASKED = 4
_MOST_SHOWN = 200
_LEAST_SHOWN = 8
_WHENEVER = datetime(2000, 1, 1)  # noqa: DTZ001 - Optuna asks for a time and uses none


class TreeParzen:
    """Multivariate TPE (Bergstra et al., NeurIPS 2011; Falkner et al., ICML 2018) and prior draws.

    Learns from the highest epoch that enough trials have come to, as BOHB does. Optuna's samplers know
    neither the prior nor the weights of a parameter, and cannot take back what they were told of a trial
    that goes on; so each question is asked of a fresh study that holds what is known at that moment, and
    the prior has draws of its own.

    Args:
        space: what may vary.
        drawn_share: share of proposals that are drawn without the estimator.
    """

    def __init__(self, space: SearchSpace, *, drawn_share: float) -> None:
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._encoding = Encoding(space)
        self._draws = GuidedDraws(space)
        self._drawn_share = drawn_share
        self._dimensions = {parameter.name: _Dimension(parameter) for parameter in space}
        self._is_conditional = any(parameter.condition for parameter in space)
        self._least = max(_LEAST_SHOWN, min(len(space) + 1, 2 * _LEAST_SHOWN))
        self._encoded: dict[TrialId, Mapping[str, Any]] = {}

    def learn(self, history: History) -> None:
        """Nothing to remember: each question carries the whole history."""

    def rank(self, history: History, rng: np.random.Generator) -> Candidates:
        """A few draws of the estimator; while it has too little to go by, and now and then, guided draws."""
        known = history.measured()
        if len(known) < self._least // 2 or rng.random() < self._drawn_share:
            return self._draws.rank(history, rng)
        study = self._study(history, seed=int(rng.integers(2**31)))
        return Candidates(self._ask(study), f"likely among the better of {len(known)} trials")

    def _ask(self, study: optuna.Study) -> Iterator[Array]:
        """Draws, each made when it is asked for: the first is mostly the one that is taken."""
        for _ in range(_ASKED):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                row = self._draw(study.ask())
            yield self._encoding.snap(self._encoding.positions([row]))[0]

    def _study(self, history: History, *, seed: int) -> optuna.Study:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            sampler = TPESampler(
                seed=seed,
                n_startup_trials=0,
                multivariate=True,
                group=self._is_conditional,
                constant_liar=True,
            )
        study = optuna.create_study(direction="maximize", sampler=sampler)
        shown = history.at_one_epoch(self._least)
        shown = shown[: _MOST_SHOWN // 2] + shown[_MOST_SHOWN // 2 :][-_MOST_SHOWN // 2 :]
        worst = min((quality for _, quality in shown), default=0.0)
        told = [*shown, *((seen, worst) for seen in history.bad()[-_MOST_SHOWN:])]
        study.add_trials(self._frozen(seen, value) for seen, value in told)
        study.add_trials(self._frozen(seen, None) for seen in history.pending()[-_MOST_SHOWN:])
        return study

    def _draw(self, asked: Trial) -> Params:
        params: dict[str, ParamValue] = {}
        for parameter in self._encoding.parameters:
            if parameter.condition is None or parameter.condition.holds(params):
                params[parameter.name] = self._dimensions[parameter.name].suggest(asked)
        return params

    def _frozen(self, seen: Seen, value: float | None) -> FrozenTrial:
        """A trial as a study takes it; without a value it runs."""
        params = self._encode(seen)
        return _Shown(
            number=-1,
            trial_id=-1,
            state=TrialState.RUNNING if value is None else TrialState.COMPLETE,
            value=value,
            datetime_start=_WHENEVER,
            datetime_complete=None if value is None else _WHENEVER,
            params=dict(params),
            distributions={name: self._dimensions[name].distribution for name in params},
            user_attrs={},
            system_attrs={},
            intermediate_values={},
        )

    def _encode(self, seen: Seen) -> Mapping[str, Any]:
        if seen.trial not in self._encoded:
            known = {name: value for name, value in seen.params.items() if name in self._dimensions}
            self._encoded[seen.trial] = {n: self._dimensions[n].encode(value) for n, value in known.items()}
        return self._encoded[seen.trial]


class _Shown(FrozenTrial):  # type: ignore[misc]  # optuna is untyped here
    """A trial that a study keeps as it is: to copy hundreds to their depth took longer than the estimator."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return copy.copy(self)


class _Dimension:
    """One parameter in Optuna's terms; choices travel as their index, which any kind of value allows."""

    def __init__(self, parameter: Parameter) -> None:
        self._parameter = parameter
        self.distribution = _distribution(parameter)

    def suggest(self, trial: Trial) -> ParamValue:
        """Draw a value of the parameter, which may lie beside the grid of a logarithmic scale."""
        name, form = self._parameter.name, self.distribution
        if isinstance(form, IntDistribution):
            whole: int = trial.suggest_int(name, form.low, form.high, step=form.step, log=form.log)
            return whole
        if isinstance(form, FloatDistribution):
            number: float = trial.suggest_float(name, form.low, form.high, step=form.step, log=form.log)
            return number
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
