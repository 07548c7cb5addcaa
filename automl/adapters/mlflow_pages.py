"""Where MLflow shows a study: addresses of its pages, and the list of trials as it should open.

MLflow keeps a view of its list of runs (filter, order, columns) as a tag of the experiment, as its own share
button does, and finds it by the key in the address. Each study has one, under the id of its run.
"""

from __future__ import annotations

import json

from automl.types import Role, StudySheet

__all__ = ["describe_view", "run_page", "trials_page", "view_tag"]

_TRAINING = "workflowType=machine_learning"
"""Without it MLflow opens on its pages for prompts."""
_MOST_PARAMETERS = 12


def run_page(experiment: str, run: str) -> str:
    """Address of one run, relative to the server."""
    return f"#/experiments/{experiment}/runs/{run}?{_TRAINING}"


def trials_page(experiment: str, parent: str) -> str:
    """Address of a study's trials, the best on top."""
    return f"#/experiments/{experiment}/runs?viewStateShareKey={parent}&{_TRAINING}"


def view_tag(parent: str) -> str:
    """Name of the experiment's tag that holds the view of a study."""
    return f"mlflow.sharedViewState.{parent}"


def describe_view(sheet: StudySheet, parent: str) -> str:
    """The trials of the search alone, ordered by the metric, with what was tried beside it.

    Args:
        sheet: what identifies the study.
        parent: id of its run.
    """
    metric, names = sheet.metric, [entry["name"] for entry in sheet.space["parameters"]]
    value = f"metrics.`{metric.name}`"
    return json.dumps(
        {
            "searchFilter": f"tags.`mlflow.parentRunId` = '{parent}' and tags.role = '{Role.SEARCH.value}'",
            "orderByKey": value,
            "orderByAsc": metric.direction.sign < 0,
            "startTime": "ALL",
            "selectedColumns": [
                value,
                "metrics.`best_epoch`",
                "tags.`state`",
                *(f"params.`{name}`" for name in names[:_MOST_PARAMETERS]),
            ],
        }
    )
