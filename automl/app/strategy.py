"""Which strategy searches a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from automl.planning import SearchPlan
from automl.ports import Pacer, Strategy
from automl.search.brackets import Hyperband
from automl.search.fixed import DefaultOnly
from automl.search.guided_draws import GUIDED_SHARE, GuidedDraws
from automl.search.llm import ChatModel, LlmSearcher, LlmTask, Manner, OnFailure
from automl.search.paced import FullLength, PacedSearch
from automl.search.pareto import ParetoSearch
from automl.search.proposing import Proposer, SpaceSearcher
from automl.search.random_draws import Grid, RandomDraws
from automl.search.rungs import Judge, SuccessiveHalving
from automl.search.warm_start import WarmSearcher
from automl.study.state import DEFAULT_TRIAL
from automl.types import Direction, Metric

__all__ = ["STRATEGIES", "Adviser", "make_strategy"]

# Imports stand where they are needed: a plain action needs neither SciPy nor Optuna.
# ruff: noqa: PLC0415

_SPARED = frozenset({DEFAULT_TRIAL})
_MOST_DIMENSIONS, _MOST_TRIALS = 24, 200
_LEAST_MEMBERS, _MOST_MEMBERS = 4, 10
_LEAST_EPOCHS_TO_PAUSE = 5
_BLIND_TO_GOALS = frozenset({"random", "grid"})
_MIXTURE = Metric("mixture of the objectives", Direction.MAXIMIZE)


@dataclass(frozen=True)
class Adviser:
    """A language model's part in a search.

    Attributes:
        chat: the model.
        on_failure: what happens when it has no answer.
    """

    chat: ChatModel
    on_failure: OnFailure


def make_strategy(search: SearchPlan | None, adviser: Adviser | None = None) -> Strategy:
    """The algorithm of a search as a strategy; a plain training, which has none, trains the default spec.

    Args:
        search: what the strategy depends on.
        adviser: the language model of an algorithm that asks one; without it the searcher behind the model
            proposes, as it does when a study is retraced.
    """
    if search is None:
        return DefaultOnly()
    name = search.algorithm.name
    strategy = _guided(search, adviser) if name in set(Manner) else STRATEGIES[name](search)
    past = search.past
    if past is not None and isinstance(strategy, PacedSearch):
        strategy = strategy.wrap(lambda searcher: WarmSearcher(searcher, past, search.metric))
    if len(search.objectives) > 1 and name not in _BLIND_TO_GOALS:
        mixture = replace(_MIXTURE, mean_of_last=search.metric.mean_of_last)
        make_searcher = partial(_tree_parzen, replace(search, metric=mixture))
        strategy = ParetoSearch(strategy, make_searcher, search.objectives, seed=search.seed)
    return strategy


def _guided(search: SearchPlan, adviser: Adviser | None) -> PacedSearch:
    """A language model in front of what ``auto`` would take."""
    behind = _auto(search) if search.budget.max_epochs >= _LEAST_EPOCHS_TO_PAUSE else _bayesian(search)
    chat, on_failure = (adviser.chat, adviser.on_failure) if adviser else (None, OnFailure.AUTO)
    manner = Manner(search.algorithm.name)
    task = LlmTask(search.space, search.metric, search.budget, manner, on_failure)
    return behind.wrap(lambda searcher: LlmSearcher(searcher, chat, task))


def _auto(search: SearchPlan) -> PacedSearch:
    """Freeze-thaw Bayesian optimisation (Swersky et al., 2014) at the rungs of successive halving."""
    from automl.search.bayesian import EXPECTED_IMPROVEMENT, ModelSearch
    from automl.search.curve_model import CurveJudge, CurveModel

    model = CurveModel(search.space, search.budget.max_epochs)
    searcher = _searcher(search, ModelSearch(model, EXPECTED_IMPROVEMENT))
    return PacedSearch(searcher, _rungs(search, CurveJudge(model, searcher.history)))


def _bayesian(search: SearchPlan) -> PacedSearch:
    is_small = len(search.space) <= _MOST_DIMENSIONS and search.budget.trials <= _MOST_TRIALS
    if not is_small:
        return PacedSearch(_tree_parzen(search), FullLength())
    from automl.search.bayesian import EXPECTED_IMPROVEMENT, ModelSearch
    from automl.search.curve_model import CurveModel

    model = CurveModel(search.space, search.budget.max_epochs)
    return PacedSearch(_searcher(search, ModelSearch(model, EXPECTED_IMPROVEMENT)), FullLength())


def _bfbo(search: SearchPlan) -> Strategy:
    from automl.search.bayesian import PENALISED_BOUND, ModelSearch
    from automl.search.curve_model import CurveModel

    model = CurveModel(search.space, search.budget.max_epochs)
    return PacedSearch(_searcher(search, ModelSearch(model, PENALISED_BOUND)), FullLength())


def _asha(search: SearchPlan) -> Strategy:
    return PacedSearch(_tree_parzen(search), _rungs(search))


def _hyperband(search: SearchPlan) -> Strategy:
    return PacedSearch(_searcher(search, GuidedDraws(search.space)), _brackets(search))


def _hyperband_es(search: SearchPlan) -> Strategy:
    from automl.search.curves import CurveStopping

    epochs = search.budget.max_epochs
    pacer = CurveStopping(_brackets(search), search.metric, epochs, spared=_SPARED)
    return PacedSearch(_searcher(search, GuidedDraws(search.space)), pacer)


def _bohb(search: SearchPlan) -> Strategy:
    return PacedSearch(_tree_parzen(search), _brackets(search))


def _dehb(search: SearchPlan) -> Strategy:
    from automl.search.evolution import DifferentialEvolution

    return PacedSearch(_searcher(search, DifferentialEvolution(search.space)), _brackets(search))


def _pbt(search: SearchPlan) -> Strategy:
    from automl.search.population import PopulationTraining

    return PopulationTraining(
        search.space,
        search.metric,
        max_epochs=search.budget.max_epochs,
        size=min(max(search.budget.trials // 2, _LEAST_MEMBERS), _MOST_MEMBERS),
        seed=search.seed,
    )


def _random(search: SearchPlan) -> Strategy:
    return PacedSearch(_searcher(search, RandomDraws(search.space)), FullLength())


def _grid(search: SearchPlan) -> Strategy:
    return PacedSearch(_searcher(search, Grid(search.space, search.budget.trials)), FullLength())


STRATEGIES: Mapping[str, Callable[[SearchPlan], Strategy]] = {
    "auto": _auto,
    "bayesian": _bayesian,
    "bfbo": _bfbo,
    "asha": _asha,
    "hyperband": _hyperband,
    "hyperband_es": _hyperband_es,
    "bohb": _bohb,
    "dehb": _dehb,
    "pbt": _pbt,
    "random": _random,
    "grid": _grid,
}
"""How each algorithm of `automl.search.catalogue.ALGORITHMS` is put together."""


def _searcher(search: SearchPlan, proposer: Proposer) -> SpaceSearcher:
    return SpaceSearcher(search.space, search.metric, proposer, seed=search.seed)


def _tree_parzen(search: SearchPlan) -> SpaceSearcher:
    from automl.adapters.optuna_search import TreeParzen

    return _searcher(search, TreeParzen(search.space, drawn_share=GUIDED_SHARE))


def _rungs(search: SearchPlan, judge: Judge | None = None) -> Pacer:
    return SuccessiveHalving(search.metric, search.budget.max_epochs, spared=_SPARED, judge=judge)


def _brackets(search: SearchPlan) -> Pacer:
    return Hyperband(search.metric, search.budget.max_epochs, spared=_SPARED)
