"""Where ``automl ui`` leads."""

import pytest
from fake_study import METRIC

from automl.cli.ui import sorted_page
from automl.types import Direction, Metric


@pytest.mark.parametrize(
    ("metric", "query"),
    [
        (METRIC, "orderByKey=metrics.%60AP11%60&orderByAsc=false"),
        (Metric("val loss", Direction.MINIMIZE), "orderByKey=metrics.%60val+loss%60&orderByAsc=true"),
    ],
)
def test_runs_are_listed_best_first(metric: Metric, query: str) -> None:
    page = sorted_page({"experiment_id": "7"}, metric)
    assert page == f"/#/experiments/7/runs?{query}&startTime=ALL&workflowType=machine_learning"


def test_a_study_that_was_never_sent_has_no_page() -> None:
    assert sorted_page({}, METRIC) == ""
