"""``automl insight``: everything a study shows, in one document."""

from __future__ import annotations

from typing import Any

from automl.errors import StudyError
from automl.insight.course import draw_course
from automl.insight.importances import measure_importances
from automl.insight.views import draw_parallel, draw_slices
from automl.schema.documents import read_json_mapping
from automl.space import SearchSpace
from automl.study.events import read_events
from automl.study.pareto import summarize_front
from automl.study.state import add_up
from automl.study.store import StudyFolder

__all__ = ["read_insight"]


def read_insight(folder: StudyFolder) -> dict[str, Any]:
    """Importances, parallel coordinates, slices, history, rungs, cost and front of a study.

    Raises:
        StudyError: ``study.json`` or the events are missing or damaged.
    """
    from automl.adapters.random_forest import fit_forest  # noqa: PLC0415 - slow to import

    sheet = folder.read_sheet()
    space = SearchSpace.from_json(sheet.space)
    events = list(read_events(folder.events))
    records = list(add_up(events, sheet.metric).records.values())
    return {
        "study_id": folder.id,
        "metric": sheet.metric.name,
        "direction": sheet.metric.direction.value,
        "importances": measure_importances(
            space, sheet.metric, records, max_epochs=sheet.budget.max_epochs, fit=fit_forest
        ),
        "parallel": draw_parallel(space, records),
        "slices": draw_slices(space, records),
        **draw_course(sheet.metric, events, gpus_per_trial=_gpus(folder)),
        "pareto": summarize_front(records, sheet.objectives),
    }


def _gpus(folder: StudyFolder) -> float:
    resources = read_json_mapping(folder.sheet, StudyError).get("plan", {}).get("resources", {})
    return float(resources.get("gpus_per_trial", 0.0) * resources.get("nodes_per_trial", 1))
