"""What ``run`` would do, decided completely before anything is started."""

from automl.planning.plan import Plan, SearchPlan
from automl.planning.planner import make_plan, resolve_space
from automl.request import RunRequest

__all__ = ["Plan", "RunRequest", "SearchPlan", "make_plan", "resolve_space"]
