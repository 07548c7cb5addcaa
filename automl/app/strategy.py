"""Which strategy searches a plan."""

from __future__ import annotations

from automl.app.sheet import UNRANKED
from automl.planning import Plan
from automl.ports import Strategy
from automl.search.fixed import DefaultOnly
from automl.search.paced import FullLength, PacedSearch
from automl.search.rungs import SuccessiveHalving
from automl.study.state import DEFAULT_TRIAL

__all__ = ["make_strategy"]


def make_strategy(plan: Plan) -> Strategy:
    """The plan's algorithm as a strategy; a plain training proposes the default spec alone."""
    if not plan.is_study:
        return DefaultOnly()
    from automl.adapters.optuna_search import OptunaSearcher  # noqa: PLC0415 - a plain action needs no Optuna

    metric = plan.metric or UNRANKED
    searcher = OptunaSearcher(
        plan.space, sampler=plan.algorithm.name, direction=metric.direction, seed=plan.request.seed
    )
    if plan.algorithm.name != "asha":
        return PacedSearch(searcher, FullLength())
    rungs = SuccessiveHalving(metric, plan.budget.max_epochs, spared=frozenset({DEFAULT_TRIAL}))
    return PacedSearch(searcher, rungs)
