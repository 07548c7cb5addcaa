"""The only door to Optuna: its multivariate Parzen estimator, asked about a history of ours."""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Container, Iterator, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import TPESampler
from optuna.storages import InMemoryStorage
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
    that goes on; so each question is asked of a fresh study that shows what is known at that moment, and
    the prior has draws of its own. A trial is translated once, and shown without a copy: to add hundreds to
    a study took longer than the estimator.

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
        self._frozen: dict[tuple[TrialId, TrialState], FrozenTrial] = {}

    def learn(self, history: History) -> None:
        """Nothing to remember: each question carries the whole history."""

    def rank(self, history: History, rng: np.random.Generator) -> Candidates:
        """A few draws of the estimator; while it has too little to go by, and now and then, guided draws."""
        known = history.measured_count
        if known < self._least // 2 or rng.random() < self._drawn_share:
            return self._draws.rank(history, rng)
        study = self._study(history, seed=int(rng.integers(2**31)))
        return Candidates(self._ask(study), f"likely among the better of {known} trials")

    def _ask(self, study: optuna.Study) -> Iterator[Array]:
        """Draws, each made when it is asked for: the first is mostly the one that is taken."""
        for _ in range(_ASKED):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                row = self._draw(study.ask())
            yield self._encoding.snap(self._encoding.positions([row]))[0]

    def _study(self, history: History, *, seed: int) -> optuna.Study:
        shown = history.at_one_epoch(self._least)
        shown = shown[: _MOST_SHOWN // 2] + shown[_MOST_SHOWN // 2 :][-_MOST_SHOWN // 2 :]
        worst = min((quality for _, quality in shown), default=0.0)
        told = [*shown, *((seen, worst) for seen in history.bad()[-_MOST_SHOWN:])]
        trials = [self._freeze(seen, value) for seen, value in told]
        trials += [self._freeze(seen, None) for seen in history.pending()[-_MOST_SHOWN:]]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            estimator = TPESampler if self._is_conditional else _OneSpace
            sampler = estimator(
                seed=seed,
                n_startup_trials=0,
                multivariate=True,
                group=self._is_conditional,
                constant_liar=True,
            )
        return optuna.create_study(storage=_Shown(trials), direction="maximize", sampler=sampler)

    def _draw(self, asked: Trial) -> Params:
        params: dict[str, ParamValue] = {}
        for parameter in self._encoding.parameters:
            if parameter.condition is None or parameter.condition.holds(params):
                params[parameter.name] = self._dimensions[parameter.name].suggest(asked)
        return params

    def _freeze(self, seen: Seen, value: float | None) -> FrozenTrial:
        """A trial as a study has it, with its value of now; without a value it runs.

        One that runs and has reported is shown as both.
        """
        state = TrialState.RUNNING if value is None else TrialState.COMPLETE
        if (seen.trial, state) not in self._frozen:
            known = {name: p for name, p in self._dimensions.items() if name in seen.params}
            self._frozen[seen.trial, state] = FrozenTrial(
                number=-1,
                trial_id=-1,
                state=state,
                value=value,
                datetime_start=_WHENEVER,
                datetime_complete=None if value is None else _WHENEVER,
                params={name: p.encode(seen.params[name]) for name, p in known.items()},
                distributions={name: p.distribution for name, p in known.items()},
                user_attrs={},
                system_attrs={},
                intermediate_values={},
            )
        frozen = self._frozen[seen.trial, state]
        frozen.value = value
        return frozen


class _Shown(InMemoryStorage):  # type: ignore[misc]  # optuna is untyped here
    """Keeps what a study asks itself, behind trials that it only shows.

    Args:
        trials: shown ones, in order; they are numbered below zero, so that none has the number of a question.
    """

    def __init__(self, trials: Sequence[FrozenTrial]) -> None:
        super().__init__()
        self._shown = trials
        for place, trial in enumerate(trials):
            trial.number = place - len(trials)

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Those that are shown, then those that were asked for."""
        shown = [trial for trial in self._shown if states is None or trial.state in states]
        own: list[FrozenTrial] = super().get_all_trials(study_id, deepcopy, states)
        return [*(copy.deepcopy(shown) if deepcopy else shown), *own]


class _OneSpace(TPESampler):  # type: ignore[misc]  # optuna is untyped here
    """TPE of a space without conditions, spared comparing the distributions of all trials: none differ."""

    def infer_relative_search_space(
        self,
        study: optuna.Study,
        trial: FrozenTrial,  # noqa: ARG002 - Optuna's signature
    ) -> dict[str, BaseDistribution]:
        """The parameters that all finished trials have, as Optuna finds them."""
        finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if not finished:
            return {}
        common = set(finished[0].distributions).intersection(*(known.distributions for known in finished))
        forms = finished[0].distributions
        return {name: forms[name] for name in sorted(common) if not forms[name].single()}


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
