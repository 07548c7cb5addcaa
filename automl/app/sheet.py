"""What identifies a run to people and trackers."""

from __future__ import annotations

from pathlib import Path

from automl.planning import Plan
from automl.ports import Tracker
from automl.provenance import fingerprint_files, installed_versions, source_revision
from automl.study.store import StudyFolder
from automl.tracking import choose_store
from automl.types import Direction, Metric, StudySheet

__all__ = ["UNRANKED", "make_sheet", "make_tracker"]

UNRANKED = Metric("", Direction.MAXIMIZE)
"""Of a run that nobody ranks."""


def make_sheet(plan: Plan, folder: StudyFolder) -> StudySheet:
    """Name, budget, space and provenance of a run, as trackers show them."""
    tags = {
        "algorithm": plan.algorithm.name,
        "policy": "on" if plan.policy.automl else "off",
        "action": plan.action.name,
        **({"rank_by": plan.metric.rank_by} if plan.metric and plan.is_study else {}),
        "dataset_fingerprint": fingerprint_files(Path(path) for path in plan.data_sources.values()),
        **{f"version.{name}": version for name, version in installed_versions().items()},
    }
    if revision := source_revision(plan.skill.root):
        tags["git_revision"] = revision
    return StudySheet(
        study_id=folder.id,
        root=folder.root,
        model=plan.skill.name,
        metric=plan.metric or UNRANKED,
        budget=plan.budget,
        space=plan.space.to_json(),
        tags=tags,
        is_search=plan.is_study,
        objectives=plan.objectives,
    )


def make_tracker(plan: Plan) -> Tracker:
    """The MLflow store that was asked for; else a SQLite file beside the results."""
    from automl.adapters.mlflow_sink import MlflowSink  # noqa: PLC0415 - slow to import

    request = plan.request
    experiment = request.experiment or plan.skill.name
    return MlflowSink(choose_store(request.tracking_uri, experiment, request.results_dir))
