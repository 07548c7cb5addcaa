"""A cluster's own monitor ends a worker where memory is short: one launch is lost, and no study."""

from collections.abc import Callable, Iterator

import pytest
import ray
from fake_ports import RecordingDriver
from ray.cluster_utils import Cluster

from automl.adapters.ray_tune import RayScheduler
from automl.ports import TrialFailedError
from automl.trials.folder import TrialFolder
from automl.trials.run_trial import TrainerRecipe
from automl.types import Cause, Resources

pytestmark = [pytest.mark.ray, pytest.mark.slow]
ALWAYS_SHORT = {"memory_usage_threshold": 0.001, "memory_monitor_refresh_ms": 15_000}
"""The first look comes when the trial runs: a worker that ends as it starts was never a problem of Tune."""


@pytest.fixture
def short_of_memory() -> Iterator[None]:
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "_system_config": ALWAYS_SHORT})
    ray.init(address=nodes.address, log_to_driver=False)
    yield
    ray.shutdown()
    nodes.shutdown()


@pytest.mark.usefixtures("short_of_memory")
def test_worker_that_the_monitor_ends_is_a_lost_one_with_its_reason(
    recipe: TrainerRecipe, prepare: Callable[..., TrialFolder]
) -> None:
    driver = RecordingDriver({"0": prepare(num_epochs=600, epoch_s=0.1).root})
    RayScheduler(Resources(max_concurrent=1)).run(driver, recipe)
    failure = driver.ends["0"]
    assert isinstance(failure, TrialFailedError)
    assert failure.cause is Cause.INFRASTRUCTURE
    first, reason = failure.evidence.splitlines()
    assert first == "Ray lost the worker of this trial"
    assert "killed due to the node running low on memory" in reason
