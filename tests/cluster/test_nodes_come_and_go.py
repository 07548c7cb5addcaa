"""A study on a cluster whose nodes change under it: raylets of this machine, started and killed."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import ray
import yaml
from ray.cluster_utils import Cluster

from automl.adapters.ray_tune import RayScheduler
from automl.controller import Ports, StudyPlan, run_study
from automl.study.state import StudyState
from automl.study.store import new_folder
from automl.trials.folder import TrialFolder
from automl.trials.run_trial import TrainerRecipe
from automl.types import (
    Budget,
    Cause,
    Direction,
    Metric,
    Report,
    Resources,
    Spec,
    StudySheet,
    TrialId,
    TrialRecord,
)
from tests.fakes.fake_ports import ListStrategy, RecordingTracker

pytestmark = [pytest.mark.ray, pytest.mark.slow]
FAKES = Path(__file__).resolve().parents[1] / "fakes"
METRIC = Metric("AP11", Direction.MAXIMIZE)
QUICK_TO_NOTICE = {"health_check_period_ms": 500, "health_check_failure_threshold": 3}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """One node with room for one trial without a GPU; tests add and kill others, none is left behind."""
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "_system_config": QUICK_TO_NOTICE})
    ray.init(address=nodes.address, log_to_driver=False)
    yield nodes
    ray.shutdown()
    nodes.shutdown()


@dataclass
class AtEpoch(RecordingTracker):
    """Does something once, when each of so many trials has reported an epoch."""

    epoch: int = 1
    trials: int = 1
    act: Callable[[], object] = lambda: None
    reached: set[str] = field(default_factory=set)

    def trial_reported(self, trial: TrialId, report: Report) -> None:
        super().trial_reported(trial, report)
        was_due = len(self.reached) == self.trials
        if report.epoch >= self.epoch:
            self.reached.add(trial)
        if len(self.reached) == self.trials and not was_due:
            self.act()


class UntilTwoRun(AtEpoch):
    """Ends the study once a second trial has begun."""

    def trial_started(self, record: TrialRecord) -> None:
        super().trial_started(record)
        if record.id == "1":
            os.kill(os.getpid(), signal.SIGINT)


class Study:
    """A study of fake trainings on whatever Ray this process is connected to."""

    def __init__(self, root: Path, trainer: str, resources: Resources, **train: Any) -> None:
        self.train = {"resume": "", "lr": 1e-3, "best_lr": 1e-3, "seed": 1, **train}
        self.folder = new_folder(root, "study")
        self.trials = resources.max_concurrent
        budget = Budget(trials=self.trials, max_epochs=self.train["num_epochs"])
        sheet = StudySheet(self.folder.id, self.folder.root, "fake", METRIC, budget, {"parameters": []})
        self.folder.write_sheet(sheet, {})
        command = ("python", str(FAKES / trainer), "-e", "{config_path}")
        recipe = TrainerRecipe(command, FAKES, "AP11", grace_s=2.0, resume_keys=("train.resume",))
        self.plan = StudyPlan(sheet, resources, self.make_spec, recipe)

    def make_spec(self, record: TrialRecord, folder: TrialFolder) -> Spec:
        return {"results_dir": str(folder.root), "train": self.train}

    def run(self, tracker: AtEpoch) -> StudyState:
        strategy = ListStrategy([[1.0]] * self.trials)
        return run_study(self.plan, Ports(strategy, RayScheduler(self.plan.resources), [tracker]))

    def resumed_from(self, record: TrialRecord) -> int:
        """Epoch of the checkpoint that the last launch of a trial went on from."""
        spec = yaml.safe_load(self.folder.trial(record.id).resume_spec.read_text())
        return int(Path(spec["train"]["resume"]).stem.removeprefix("epoch_"))


def test_trial_of_a_node_that_is_cut_off_goes_on_elsewhere_from_its_checkpoint(
    cluster: Cluster, tmp_path: Path
) -> None:
    lost = cluster.add_node(num_cpus=1, num_gpus=1)
    study = Study(tmp_path, "trainer.py", Resources(gpus_per_trial=1), num_epochs=60, epoch_s=0.4)
    record = study.run(AtEpoch(epoch=2, act=lambda: replace_node(cluster, lost))).records[TrialId("0")]
    assert (record.state.value, record.failures) == ("succeeded", (Cause.INFRASTRUCTURE,))
    assert [report.epoch for report in record.reports] == list(range(1, 61))
    assert 2 <= study.resumed_from(record) < 60


def test_node_that_comes_gets_work(cluster: Cluster, tmp_path: Path) -> None:
    study = Study(tmp_path, "trainer.py", Resources(max_concurrent=2), num_epochs=200, epoch_s=0.4)
    tracker = UntilTwoRun(act=lambda: cluster.add_node(num_cpus=1))
    with pytest.raises(KeyboardInterrupt):
        study.run(tracker)
    assert [what for name, what in tracker.calls if name == "trial_started"] == ["0", "1"]


def test_trial_of_two_nodes_outlives_the_loss_of_one(cluster: Cluster, tmp_path: Path) -> None:
    lost, _ = (cluster.add_node(num_cpus=1, num_gpus=2) for _ in range(2))
    resources = Resources(gpus_per_trial=2, nodes_per_trial=2)
    study = Study(tmp_path, "nodes_trainer.py", resources, num_epochs=2, die=7)
    record = study.run(AtEpoch(act=lambda: replace_node(cluster, lost))).records[TrialId("0")]
    assert (record.state.value, record.failures) == ("succeeded", (Cause.INFRASTRUCTURE,))
    assert [report.epoch for report in record.reports] == [1, 2]
    assert study.resumed_from(record) == 1


def replace_node(cluster: Cluster, lost: Any) -> None:
    """Kill a node as a power failure would, and add one like it."""
    cluster.remove_node(lost, allow_graceful=False)
    cluster.add_node(num_cpus=1, num_gpus=2)
