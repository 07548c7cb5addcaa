"""Trials of several nodes on a Ray cluster of several raylets on this machine."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from fake_ports import RecordingDriver
from ray.cluster_utils import Cluster

from automl.adapters.ray_tune import RayScheduler
from automl.errors import EnvironmentUnusableError
from automl.ports import TrialFailedError
from automl.trials.folder import TrialFolder
from automl.trials.run_trial import TrainerRecipe
from automl.types import Cause, Resources

pytestmark = pytest.mark.ray
FAKES = Path(__file__).resolve().parents[2] / "fakes"
RECIPE = TrainerRecipe(
    ("python", str(FAKES / "nodes_trainer.py"), "-e", "{config_path}"),
    FAKES,
    "AP11",
    grace_s=2.0,
    resume_keys=("train.resume",),
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """Two nodes with two logical GPUs each, on which somebody has set ``TAO_VISIBLE_DEVICES`` for all."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TAO_VISIBLE_DEVICES", "7")
        yield from _start_cluster()


def _start_cluster() -> Iterator[Cluster]:
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "num_gpus": 2})
    nodes.add_node(num_cpus=2, num_gpus=2)
    ray.init(address=nodes.address, log_to_driver=False)
    yield nodes
    ray.shutdown()
    nodes.shutdown()


def prepare(root: Path, **train: object) -> TrialFolder:
    folder = TrialFolder(root)
    folder.write_spec({"results_dir": str(root), "train": {"num_epochs": 2, "resume": "", **train}})
    return folder


def test_every_node_gets_its_rank_and_the_same_meeting_point(cluster: Cluster, tmp_path: Path) -> None:
    folder = prepare(tmp_path / "0")
    driver = RecordingDriver({"0": folder.root})
    RayScheduler(Resources(gpus_per_trial=2, nodes_per_trial=2)).run(driver, RECIPE)
    told = [json.loads((folder.root / f"node{rank}.json").read_text()) for rank in (0, 1)]
    assert (driver.reports, driver.ends) == ({"0": [1, 2]}, {"0": None})
    assert told[0] == told[1]
    assert (told[0]["NUM_GPU_PER_NODE"], told[0]["gpus"], told[0]["tao_gpus"]) == ("2", "0,1", "0,1")
    assert (folder.root / "train.node1.log").exists()


def test_trials_side_by_side_see_their_own_gpu_alone(cluster: Cluster, tmp_path: Path) -> None:
    folders = {name: prepare(tmp_path / name).root for name in "0123"}
    RayScheduler(Resources(gpus_per_trial=1, max_concurrent=4)).run(RecordingDriver(folders), RECIPE)
    told = [json.loads((folder / "node0.json").read_text()) for folder in folders.values()]
    assert [one["tao_gpus"] for one in told] == [one["gpus"] for one in told]
    assert {one["gpus"] for one in told} <= {"0", "1"}


def test_node_that_fails_ends_the_trial_with_its_cause(cluster: Cluster, tmp_path: Path) -> None:
    folder = prepare(tmp_path / "0", die=1)
    driver = RecordingDriver({"0": folder.root})
    RayScheduler(Resources(gpus_per_trial=1, nodes_per_trial=2)).run(driver, RECIPE)
    failure = driver.ends["0"]
    assert isinstance(failure, TrialFailedError)
    assert (failure.cause, driver.reports["0"]) == (Cause.DEFECT, [1])
    assert failure.evidence == f"node 1: exit code 9, see {folder.root}/train.node1.log"


def test_trial_that_can_never_fit_is_refused_with_the_largest_node(cluster: Cluster, tmp_path: Path) -> None:
    driver = RecordingDriver({"0": prepare(tmp_path / "0").root})
    with pytest.raises(
        EnvironmentUnusableError, match=r"2 node\(s\) with 4 GPUs .* 0 of 2 nodes .* largest has 2 GPUs"
    ):
        RayScheduler(Resources(gpus_per_trial=4, nodes_per_trial=2)).run(driver, RECIPE)
    assert driver.started == []
