"""Which strategy searches a plan."""

from __future__ import annotations

from automl.planning import SearchPlan
from automl.ports import Strategy
from automl.search.fixed import DefaultOnly
from automl.search.paced import FullLength, PacedSearch
from automl.search.rungs import SuccessiveHalving
from automl.study.state import DEFAULT_TRIAL

__all__ = ["make_strategy"]


def make_strategy(search: SearchPlan | None) -> Strategy:
    """The algorithm of a search as a strategy; a plain training, which has none, trains the default spec."""
    if search is None:
        return DefaultOnly()
    from automl.adapters.optuna_search import OptunaSearcher  # noqa: PLC0415 - a plain action needs no Optuna

    searcher = OptunaSearcher(
        search.space,
        sampler=search.algorithm.name,
        direction=search.metric.direction,
        seed=search.seed,
    )
    if search.algorithm.name != "asha":
        return PacedSearch(searcher, FullLength())
    rungs = SuccessiveHalving(search.metric, search.budget.max_epochs, spared=frozenset({DEFAULT_TRIAL}))
    return PacedSearch(searcher, rungs)
